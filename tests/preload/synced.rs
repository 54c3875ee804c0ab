//! Preloaded into a server, it notes what would survive a power cut: how long each file was when it was last forced to disk, and which
//! files were renamed since their directory was. `crash::power` builds it, and afterwards takes away what was never forced.
//!
//! One line each in the file that `SYNCED_LOG` names, fields separated by tabs:
//!
//! ```text
//! file    inode  length            it is on disk up to there
//! folder  path                     the names in it are on disk
//! rename  from  to  kept           `kept` is a second name of what was there before under `to`, or -
//! ```
//!
//! It is no part of any package: it has no dependencies, and rustc alone makes it.

use std::ffi::{CStr, OsStr, c_char, c_int, c_long};
use std::fs::{File, Metadata};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
}

/// The numbers of the system's calls fsync, fdatasync and renameat.
#[cfg(target_arch = "x86_64")]
const NUMBERS: [c_long; 3] = [74, 75, 264];
#[cfg(target_arch = "aarch64")]
const NUMBERS: [c_long; 3] = [82, 83, 38];

/// "The current directory" for renameat.
const AT_FDCWD: c_int = -100;

fn note(fields: &[&str]) {
    let Some(path) = std::env::var_os("SYNCED_LOG") else { return };
    if let Ok(mut log) = File::options().append(true).create(true).open(path) {
        // One write a line, so that threads do not mix them.
        let _ = log.write_all(format!("{}\n", fields.join("\t")).as_bytes());
    }
}

fn opened(file: c_int) -> Option<(String, Metadata)> {
    let link = format!("/proc/self/fd/{file}");
    let path = std::fs::read_link(&link).ok()?;
    Some((path.display().to_string(), std::fs::metadata(&link).ok()?))
}

fn sync(number: c_long, file: c_int) -> c_int {
    // What is written while the disk works may be on it or not: only what is there now is certain.
    let before = opened(file);
    // SAFETY: these calls of the system take a number that may mean nothing, and touch no memory.
    let result = unsafe { syscall(number, file) };
    if let (0, Some((path, meta))) = (result, before) {
        if meta.is_dir() {
            note(&["folder", &path]);
        } else {
            note(&["file", &meta.ino().to_string(), &meta.len().to_string()]);
        }
    }
    result as c_int
}

/// # Safety
///
/// None is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(file: c_int) -> c_int {
    sync(NUMBERS[0], file)
}

/// # Safety
///
/// None is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(file: c_int) -> c_int {
    sync(NUMBERS[1], file)
}

/// # Safety
///
/// Both are texts that end with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    static RENAMED: AtomicU64 = AtomicU64::new(0);
    // SAFETY: the caller promises it.
    let path = |text: *const c_char| Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(text) }.to_bytes())).to_owned();
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (source, target) = (absolute(&path(from)), absolute(&path(to)));
    let kept = std::env::var_os("SYNCED_LOG").and_then(|log| {
        let number = RENAMED.fetch_add(1, Ordering::Relaxed);
        let kept = Path::new(&log).with_extension(format!("{}-{number}", std::process::id()));
        std::fs::hard_link(&target, &kept).ok().map(|()| kept.display().to_string())
    });
    // SAFETY: as above; the caller's texts are handed on.
    let result = unsafe { syscall(NUMBERS[2], AT_FDCWD, from, AT_FDCWD, to) };
    if result == 0 {
        let (source, target) = (source.display().to_string(), target.display().to_string());
        note(&["rename", &source, &target, kept.as_deref().unwrap_or("-")]);
    }
    result as c_int
}
