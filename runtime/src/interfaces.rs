//! What a component imports and exports, by name, compared with what there is.
//!
//! The linker would refuse a mismatch too, in words for people who know wasmtime. Here the commonest are told apart: built
//! against another version, against another world, for another host.

use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::contract::Exported;
use crate::direct::CORE_MODULE;
use crate::imports::{PACKAGE, VERSION};
use crate::load_error::LoadError;

/// The interfaces of the contract that a module may import.
const IMPORTS: [&str; 13] = [
    "types",
    "context",
    "log",
    "keyspace",
    "strings",
    "hashes",
    "sets",
    "lists",
    "sorted-sets",
    "streams",
    "call",
    "objects",
    "manifest",
];

/// The packages of WASI 0.2 that are linked, closed.
const WASI: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// The names that stand at a component's border.
#[derive(Debug)]
pub(crate) struct Interfaces {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    /// Whether it wants WASI.
    pub(crate) wasi: bool,
    /// Which interfaces it exports of those that not every module has.
    pub(crate) exported: Exported,
}

impl Interfaces {
    /// Read them, and refuse what this server cannot serve.
    pub(crate) fn of(component: &Component, engine: &wasmtime::Engine) -> Result<Self, LoadError> {
        let types = component.component_type();
        let mut interfaces =
            Self { imports: vec![], exports: vec![], wasi: false, exported: Exported::default() };
        for (name, item) in types.imports(engine) {
            interfaces.imports.push(name.to_owned());
            if let Some(interface) = name.strip_prefix(PACKAGE) {
                if !IMPORTS.contains(&of_our_version(interface)?) {
                    return Err(LoadError::UnknownImport(name.to_owned()));
                }
            } else if WASI.iter().any(|package| name.starts_with(package)) && name.contains("@0.2.") {
                interfaces.wasi = true;
            } else if !matches!(item.ty, ComponentItem::Type(_)) {
                return Err(LoadError::UnknownImport(name.to_owned()));
            }
        }
        for (name, _) in types.exports(engine) {
            // The compiler's process added that one.
            if name != CORE_MODULE {
                interfaces.exports.push(name.to_owned());
            }
        }
        for required in ["lifecycle", "commands"] {
            interfaces
                .exports(required)?
                .then_some(())
                .ok_or_else(|| LoadError::MissingExport(format!("{PACKAGE}{required}")))?;
        }
        interfaces.exported =
            Exported { configs: interfaces.exports("configs")?, values: interfaces.exports("values")? };
        Ok(interfaces)
    }

    /// Whether an interface of the contract is exported; an error when it is, in another version.
    fn exports(&self, wanted: &str) -> Result<bool, LoadError> {
        match self.export(wanted).and_then(|name| name.strip_prefix(PACKAGE)) {
            Some(interface) => Ok(of_our_version(interface)? == wanted),
            None => Ok(false),
        }
    }

    /// Whether an interface is imported, in whatever version: the toolchain makes one of several, the latest.
    pub(crate) fn has_import(&self, wanted: &str) -> bool {
        let unversioned = |name: &str| name.split('@').next().map(str::to_owned);
        self.imports.iter().any(|name| unversioned(name) == unversioned(wanted))
    }

    /// The full name under which an interface of the contract is exported.
    pub(crate) fn export(&self, wanted: &str) -> Option<&str> {
        let is_wanted = |name: &&String| {
            name.strip_prefix(PACKAGE).and_then(|interface| interface.split('@').next()) == Some(wanted)
        };
        self.exports.iter().find(is_wanted).map(String::as_str)
    }
}

/// The interface's name without its version, if that is one we serve.
fn of_our_version(interface: &str) -> Result<&str, LoadError> {
    let package = PACKAGE.trim_end_matches('/');
    let wrong = |wants: String| Err(LoadError::WrongVersion { wants });
    let Some((interface, version)) = interface.split_once('@') else {
        return wrong(format!("{package} without a version"));
    };
    if is_our_version(version) { Ok(interface) } else { wrong(format!("{package}@{version}")) }
}

/// Below 1.0.0, any with the same second number.
fn is_our_version(version: &str) -> bool {
    let series = |version: &str| version.rsplit_once('.').map(|(series, _)| series.to_owned());
    series(version) == series(VERSION)
}

/// Whether this is the full name of an interface of the contract, in a version that we serve.
pub(crate) fn is_of_the_contract(name: &str) -> bool {
    name.strip_prefix(PACKAGE)
        .and_then(|interface| interface.split_once('@'))
        .is_some_and(|(_, version)| is_our_version(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_one_series_are_the_same_interface() {
        let imports = vec!["sandkey:module/strings@0.1.9".to_owned(), "wasi:io/poll@0.2.6".to_owned()];
        let interfaces = Interfaces {
            imports,
            exports: vec!["sandkey:module/commands@0.1.3".to_owned()],
            wasi: true,
            exported: Exported::default(),
        };
        assert!(interfaces.has_import("sandkey:module/strings@0.1.0"));
        assert!(!interfaces.has_import("sandkey:module/hashes@0.1.9"));
        assert_eq!(interfaces.export("commands"), Some("sandkey:module/commands@0.1.3"));
        assert_eq!(interfaces.export("command"), None);
        assert!(is_of_the_contract("sandkey:module/strings@0.1.0"));
        assert!(is_of_the_contract("sandkey:module/strings@0.1.7"));
        assert!(!is_of_the_contract("sandkey:module/strings@0.2.0"));
        assert!(!is_of_the_contract("sandkey:module/strings"));
        assert!(!is_of_the_contract("wasi:io/poll@0.1.0"));
    }
}
