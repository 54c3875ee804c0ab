//! Limits of a process, set by the process itself. The compiler's child does so before it reads a byte of a module.

#![allow(unsafe_code)]

use std::io;

/// Bound this process's address space and CPU time, forbid it to write files, and let it die with its parent.
pub(crate) fn confine(address_space: u64, cpu_seconds: u64) -> io::Result<()> {
    limit(libc::RLIMIT_CORE, 0)?;
    limit(libc::RLIMIT_FSIZE, 0)?;
    limit(libc::RLIMIT_CPU, cpu_seconds)?;
    #[cfg(target_os = "linux")]
    die_with_parent()?;
    // The last one: from here on an allocation may fail.
    limit(libc::RLIMIT_AS, address_space)
}

#[cfg(target_os = "linux")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_os = "linux"))]
type Resource = libc::c_int;

fn limit(resource: Resource, value: u64) -> io::Result<()> {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live struct of the type that getrlimit fills.
    if unsafe { libc::getrlimit(resource, &raw mut limits) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // An administrator may have set a lower one, which may not be raised.
    limits.rlim_cur = value.min(limits.rlim_max);
    limits.rlim_max = limits.rlim_cur;
    // SAFETY: the pointer is to a live, initialised struct that setrlimit only reads.
    if unsafe { libc::setrlimit(resource, &raw const limits) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn die_with_parent() -> io::Result<()> {
    // SAFETY: this option takes a signal number and touches no memory of ours.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
