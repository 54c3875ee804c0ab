//! How much processor time was used: the one question to the system that the standard library does not ask.

use std::mem::MaybeUninit;

/// Processor time in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuTime {
    /// In the kernel.
    pub system: f64,
    /// Outside of it.
    pub user: f64,
}

/// Whose processor time.
#[derive(Debug, Clone, Copy)]
pub enum Who {
    /// This process, all threads.
    Process,
    /// The processes that it started and that have ended.
    Children,
}

/// The processor time used so far.
pub fn cpu_time(who: Who) -> CpuTime {
    let who = match who {
        Who::Process => libc::RUSAGE_SELF,
        Who::Children => libc::RUSAGE_CHILDREN,
    };
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to memory of the right type and size that lives across the call, and the call writes
    // nothing else.
    let failed = unsafe { libc::getrusage(who, usage.as_mut_ptr()) } != 0;
    if failed {
        return CpuTime::default();
    }
    // SAFETY: the struct holds integers only, for which all zeros are a value already, and the call has filled it.
    let usage = unsafe { usage.assume_init() };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    CpuTime { system: seconds(usage.ru_stime), user: seconds(usage.ru_utime) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes() {
        let before = cpu_time(Who::Process);
        let mut x = 1u64;
        while cpu_time(Who::Process).user <= before.user {
            x = std::hint::black_box(x.wrapping_mul(3));
        }
        assert!(cpu_time(Who::Children).user >= 0.0);
    }
}
