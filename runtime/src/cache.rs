//! Compiled modules on disk, so that a restart does not compile them again.
//!
//! A file is named after the module's digest and the engine's fingerprint, and begins with a code of authentication
//! (HMAC-SHA256) over both and the artifact, made with a secret that was drawn when the directory was first used. So
//! what somebody else put there, or what a disk damaged, is never loaded as machine code: it is compiled again.
//!
//! A cache never fails a load. What cannot be read or written is told to the log.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use tracing::warn;

use crate::artifact::Artifact;
use crate::compile_child;

/// All files together. When there is more, the oldest go.
const CACHE_BYTES: u64 = 1 << 30;

const MAGIC: &[u8; 8] = b"SKCACHE1";
const MAC_BYTES: usize = 32;
const SUFFIX: &str = "skc";

/// A directory that nobody else can write to.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
    secret: [u8; 32],
    fingerprint: [u8; 32],
}

/// 32 bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8; 32]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Cache {
    /// Open a directory, or make it. An error says why it may not be used.
    pub(crate) fn open(directory: &Path, engine: &wasmtime::Engine) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let metadata = fs::metadata(directory)?;
        if metadata.mode() & 0o022 != 0 {
            return Err(io::Error::other("others can write to it"));
        }
        let secret = secret(directory)?;
        Ok(Self { directory: directory.to_owned(), secret, fingerprint: fingerprint(engine) })
    }

    fn path(&self, digest: &[u8; 32]) -> PathBuf {
        let mut name = hex(digest);
        name.push('-');
        name.push_str(&hex(&self.fingerprint)[..16]);
        self.directory.join(name).with_extension(SUFFIX)
    }

    /// What was compiled before, if it is what this server wrote.
    pub(crate) fn get(&self, digest: &[u8; 32]) -> Option<Artifact> {
        let path = self.path(digest);
        let mut bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                warn!("{}: {error}", path.display());
                return None;
            }
        };
        let genuine = bytes.split_at_checked(MAGIC.len() + MAC_BYTES).is_some_and(|(head, artifact)| {
            &head[..MAGIC.len()] == MAGIC && same(&head[MAGIC.len()..], &self.mac(digest, artifact))
        });
        if !genuine {
            warn!("{}: not written by this server, or damaged; compiling again", path.display());
            return None;
        }
        bytes.drain(..MAGIC.len() + MAC_BYTES);
        Some(Artifact::vouched_for(bytes))
    }

    /// Keep an artifact for the next time.
    pub(crate) fn put(&self, digest: &[u8; 32], artifact: &Artifact) {
        let path = self.path(digest);
        if let Err(error) = self.write(&path, digest, artifact.bytes()).and_then(|()| self.prune(CACHE_BYTES))
        {
            warn!("{}: {error}", path.display());
        }
    }

    /// Write beside the place and rename, so that nobody ever reads half a file.
    fn write(&self, path: &Path, digest: &[u8; 32], artifact: &[u8]) -> io::Result<()> {
        let beside = beside(&self.directory);
        let written = (|| {
            let mut file = private(OpenOptions::new().write(true).create_new(true), &beside)?;
            file.write_all(MAGIC)?;
            file.write_all(&self.mac(digest, artifact))?;
            file.write_all(artifact)?;
            fs::rename(&beside, path)
        })();
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }

    fn mac(&self, digest: &[u8; 32], artifact: &[u8]) -> [u8; MAC_BYTES] {
        hmac(&self.secret, &[digest, &self.fingerprint, artifact])
    }

    /// Delete the oldest files until the rest is within `most` bytes.
    fn prune(&self, most: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == SUFFIX || extension == "tmp") {
                let metadata = entry.metadata()?;
                files.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), path));
            }
        }
        let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
        files.sort();
        for (_, length, path) in files {
            if total <= most {
                break;
            }
            // Another server may share the directory and have deleted it first.
            let _ = fs::remove_file(path);
            total -= length;
        }
        Ok(())
    }
}

fn private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.mode(0o600).open(path)
}

/// Read the secret, or draw it. It is written beside its place and linked there, so that two servers that start at once
/// agree on the first one's. A directory or a secret of another user is refused: a privileged server could read what
/// that user put there.
fn secret(directory: &Path) -> io::Result<[u8; 32]> {
    let (path, beside) = (directory.join("secret"), beside(directory));
    let drawn = (|| {
        let mut secret = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut secret)?;
        let mut file = private(OpenOptions::new().write(true).create_new(true), &beside)?;
        file.write_all(&secret)?;
        match fs::hard_link(&beside, &path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => file.metadata(),
        }
    })();
    let _ = fs::remove_file(&beside);
    let own = drawn?.uid();
    let mut file = File::open(&path)?;
    let metadata = file.metadata()?;
    if metadata.uid() != own || fs::metadata(directory)?.uid() != own {
        return Err(io::Error::other("it belongs to another user"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(io::Error::other("others can read its secret"));
    }
    let mut secret = [0; 32];
    file.read_exact(&mut secret)?;
    Ok(secret)
}

/// A name that no other process or thread uses.
fn beside(directory: &Path) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    directory.join(format!("{}-{number}.tmp", std::process::id()))
}

/// Everything that makes machine code of one engine wrong for another: wasmtime's version, its settings, the target, and what the
/// compiler's process makes of a module before it compiles it.
fn fingerprint(engine: &wasmtime::Engine) -> [u8; 32] {
    struct Into(Sha256);
    impl Hasher for Into {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0 // Nobody asks; the whole digest is taken instead.
        }
    }
    let mut hasher = Into(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.update(compile_child::REVISION.to_le_bytes());
    hasher.0.finalize().into()
}

/// HMAC (RFC 2104) with SHA-256 over the parts one after the other, all but the last of a fixed length.
fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let pad = |mask: u8| {
        let mut block = [mask; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let mut inner = Sha256::new();
    inner.update(pad(0x36));
    for part in parts {
        inner.update(part);
    }
    let mut outer = Sha256::new();
    outer.update(pad(0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

/// Compare without telling by the time how much was right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
