//! What comes from the system's packages: one table of what each is called where, and the call that installs. Only
//! apt is called; of the others we know the command well enough to print it, not well enough to run it.

use crate::step::Step;
use crate::tree::{Tree, program};
use anyhow::{Result, bail};
use std::path::Path;

/// One thing, under its names. An empty name: it comes with another one, or with the system.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// For people.
    pub(crate) what: &'static str,
    apt: &'static str,
    dnf: &'static str,
    pacman: &'static str,
    apk: &'static str,
    brew: &'static str,
}

macro_rules! packages {
    ($($id:ident $what:literal $apt:literal $dnf:literal $pacman:literal $apk:literal $brew:literal)*) => {
        $(pub(crate) static $id: Package = Package {
            what: $what, apt: $apt, dnf: $dnf, pacman: $pacman, apk: $apk, brew: $brew,
        };)*
    };
}

packages! {
    // id          what                            apt                                    dnf             pacman    apk             brew
    MAKE          "make"                           "make"                                 "make"          "make"    "make"          ""
    CXX           "a C++ compiler"                 "g++"                                  "gcc-c++"       "gcc"     "g++"           ""
    REDIS_TOOLS   "redis-cli and redis-benchmark"  "redis-tools"                          "redis"         "redis"   "redis"         "redis"
    REDIS_SERVER  "redis-server"                   "redis-server"                         "redis"         "redis"   "redis"         "redis"
    PYTHON        "python3 with venv"              "python3 python3-venv"                 "python3"       "python"  "python3"       "python"
    LIBCLANG      "libclang"                       "libclang-dev"                         "clang-devel"   "clang"   "clang-dev"     "llvm"
    LLD           "wasm-ld"                        "lld"                                  "lld"           "lld"     "lld"           "lld"
    RUST_WEB      "a Rust with its own sources"    "rustc-web cargo-web rust-web-src"     ""              ""        ""              ""
}

/// Install them, or stop with the command that does.
pub(crate) fn install(tree: &Tree, packages: &[&Package]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let what: Vec<&str> = packages.iter().map(|package| package.what).collect();
    eprintln!("── setup: missing: {}", what.join(", "));
    let Some((manager, by_hand)) = manager() else {
        bail!("no package manager that I know; install {} and start again", what.join(", "));
    };
    let names = names(packages, manager);
    if manager != "apt-get" {
        bail!("please install what is missing, then start again:\n\n  {by_hand} {names}");
    }
    let Some(rights) = rights(tree) else {
        bail!("I may not install packages here. Please do, then start again:\n\n  sudo {by_hand} {names}");
    };
    // A fresh container has no list of packages at all, an old machine a stale one. When this fails, what follows may
    // still succeed, and says so if not.
    if let Err(error) = Step::new(tree, "package lists", &format!("{rights} apt-get update")).run() {
        eprintln!("── setup: {error:#}");
    }
    let line = format!("{rights} apt-get install -y --no-install-recommends {names}");
    Step::new(tree, "packages", &line).env("DEBIAN_FRONTEND", "noninteractive").run()?;
    if packages.contains(&&REDIS_SERVER) && Path::new("/run/systemd/system").is_dir() {
        eprintln!(
            "── setup: the package may have started a service on port 6379. To have the port for Sandkey:\n\n  \
             sudo systemctl disable --now redis-server\n"
        );
    }
    Ok(())
}

/// The package manager of this system, and how a person installs with it.
fn manager() -> Option<(&'static str, &'static str)> {
    let known = [
        ("apt-get", "apt-get install -y"),
        ("dnf", "dnf install -y"),
        ("pacman", "pacman -S --needed"),
        ("apk", "apk add"),
        ("brew", "brew install"),
    ];
    known.into_iter().find(|(name, _)| program(name).is_some())
}

/// What to put in front of a command that changes the system, or `None` if this process may not.
fn rights(tree: &Tree) -> Option<&'static str> {
    let user = Step::new(tree, "user", "id -u").line()?;
    if user == "0" {
        return Some("");
    }
    Step::new(tree, "sudo", "sudo -n true").succeeds().then_some("sudo -n")
}

fn names(packages: &[&Package], manager: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for package in packages {
        let name = match manager {
            "apt-get" => package.apt,
            "dnf" => package.dnf,
            "pacman" => package.pacman,
            "apk" => package.apk,
            _ => package.brew,
        };
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" ")
}

/// Whether bindgen will find libclang: where it is told to look, or where systems keep it.
pub(crate) fn has_libclang() -> bool {
    if std::env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let holds = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| is_libclang(&entry.file_name().to_string_lossy()))
    };
    let versions = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let of_llvm = versions.filter(|entry| entry.file_name().to_string_lossy().starts_with("llvm"));
    let fixed = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/opt/homebrew/opt/llvm/lib",
    ];
    fixed.iter().any(|folder| holds(Path::new(folder)))
        || of_llvm.into_iter().any(|entry| holds(&entry.path().join("lib")))
}

/// The names that clang-sys looks for. The C++ interface, libclang-cpp, often is there without it and is something else.
fn is_libclang(name: &str) -> bool {
    let versioned = name.starts_with("libclang-") && !name.starts_with("libclang-cpp");
    name.starts_with("libclang.so") || versioned && name.contains(".so") || name == "libclang.dylib"
}

#[cfg(test)]
mod tests {
    use super::{MAKE, REDIS_SERVER, REDIS_TOOLS, is_libclang, names};

    #[test]
    fn the_cpp_interface_is_not_libclang() {
        assert!(
            ["libclang.so", "libclang-14.so.13", "libclang.so.1"].map(is_libclang).iter().all(|yes| *yes)
        );
        assert!(
            ["libclang-cpp.so.14", "libclang_rt.a", "libclang-14"].map(is_libclang).iter().all(|yes| !yes)
        );
    }

    #[test]
    fn one_package_is_named_once() {
        assert_eq!(names(&[&REDIS_TOOLS, &REDIS_SERVER], "dnf"), "redis");
        assert_eq!(names(&[&REDIS_TOOLS, &REDIS_SERVER, &MAKE], "apt-get"), "redis-tools redis-server make");
        assert_eq!(names(&[&MAKE, &REDIS_SERVER], "brew"), "redis");
    }
}
