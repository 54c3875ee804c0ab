//! What the cache gives back, and above all what it does not.

use std::os::unix::fs::PermissionsExt;

use super::*;

const DIGEST: [u8; 32] = [7; 32];

fn engine() -> wasmtime::Engine {
    crate::engine_config::engine().expect("the configuration is valid")
}

fn open(directory: &Path) -> Cache {
    Cache::open(directory, &engine()).expect("the directory is fresh")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

#[test]
fn what_was_put_is_there_again_for_the_same_server() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = root.path().join("cache");
    let cache = open(&directory);
    assert!(cache.get(&DIGEST).is_none());
    cache.put(&DIGEST, &Artifact::vouched_for(b"code".to_vec()));
    let again = open(&directory);
    assert_eq!(again.get(&DIGEST).expect("it was put").bytes(), b"code");
    assert!(again.get(&[8; 32]).is_none());
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&again.path(&DIGEST)), 0o600);
    assert_eq!(mode(&directory.join("secret")), 0o600);
}

#[test]
fn a_changed_or_foreign_file_is_not_given_back() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let cache = open(&root.path().join("mine"));
    cache.put(&DIGEST, &Artifact::vouched_for(b"code".to_vec()));
    let path = cache.path(&DIGEST);
    let good = fs::read(&path).expect("it was written");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, &bad).expect("it is writable");
        assert!(cache.get(&DIGEST).is_none(), "byte {at}");
        fs::write(&path, &good[..at]).expect("it is writable");
        assert!(cache.get(&DIGEST).is_none(), "cut at {at}");
    }
    // The same artifact under another name, or from another server with another secret.
    fs::write(cache.path(&[8; 32]), &good).expect("it is writable");
    assert!(cache.get(&[8; 32]).is_none());
    let other = open(&root.path().join("other"));
    fs::write(other.path(&DIGEST), &good).expect("it is writable");
    assert!(other.get(&DIGEST).is_none());
    fs::write(&path, &good).expect("it is writable");
    assert!(cache.get(&DIGEST).is_some(), "unchanged, it is genuine");
}

#[test]
fn a_directory_or_secret_that_others_can_touch_is_refused() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = root.path().join("cache");
    drop(open(&directory));
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    set(&directory, 0o720);
    let error = Cache::open(&directory, &engine()).expect_err("others can write");
    assert_eq!(error.to_string(), "others can write to it");
    set(&directory, 0o700);
    set(&directory.join("secret"), 0o640);
    let error = Cache::open(&directory, &engine()).expect_err("others can read");
    assert_eq!(error.to_string(), "others can read its secret");
}

#[test]
fn the_oldest_go_first() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let cache = open(root.path());
    for number in 0..3u8 {
        cache.put(&[number; 32], &Artifact::vouched_for(vec![0; 60]));
        let age = SystemTime::now() - std::time::Duration::from_secs(100 - u64::from(number));
        let file = File::options().write(true).open(cache.path(&[number; 32])).expect("it was written");
        file.set_modified(age).expect("it is ours");
    }
    cache.prune(250).expect("it is ours");
    let there: Vec<bool> = (0..3u8).map(|number| cache.get(&[number; 32]).is_some()).collect();
    assert_eq!(there, [false, true, true]);
}

#[test]
fn hmac_is_that_of_the_standard() {
    // RFC 4231, test case 2, with its key padded to 32 bytes, which HMAC does anyway.
    let mut key = [0; 32];
    key[..4].copy_from_slice(b"Jefe");
    assert_eq!(
        hex(&hmac(&key, &[b"what do ya want ", b"for nothing?"])),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}
