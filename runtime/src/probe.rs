//! What bytes are, before anybody tries to compile them: from their first bytes, and from the headers of their sections.
//!
//! This decides nothing about validity; it exists for the sake of clear errors, and so that a file which is cut off
//! is called that.

use crate::load_error::LoadError;

/// What passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A component.
    Component,
    /// A core module that carries its WIT.
    CoreWithWit,
}

const CUSTOM_SECTION: u8 = 0;
const CORE: u32 = 0x1;
const COMPONENT: u32 = 0x1_000d;

/// Look at the bytes of a file.
pub(crate) fn probe(bytes: &[u8]) -> Result<Kind, LoadError> {
    if bytes.is_empty() {
        return Err(LoadError::Empty);
    }
    let Some(rest) = bytes.strip_prefix(b"\0asm") else {
        return Err(foreign(bytes));
    };
    let Some((version, sections)) = rest.split_first_chunk::<4>() else {
        return Err(LoadError::Truncated(bytes.len()));
    };
    match u32::from_le_bytes(*version) {
        CORE => {
            let mut with_wit = false;
            walk(sections, |id, contents| {
                with_wit |= id == CUSTOM_SECTION && custom_name(contents).starts_with(b"component-type");
            })
            .map_err(|Cut| LoadError::Truncated(bytes.len()))?;
            if with_wit { Ok(Kind::CoreWithWit) } else { Err(LoadError::NoWit) }
        }
        COMPONENT => {
            walk(sections, |_, _| ()).map_err(|Cut| LoadError::Truncated(bytes.len()))?;
            Ok(Kind::Component)
        }
        version => Err(LoadError::UnknownVersion(version)),
    }
}

/// The end of the bytes within a section.
struct Cut;

fn walk<'b>(mut sections: &'b [u8], mut visit: impl FnMut(u8, &'b [u8])) -> Result<(), Cut> {
    while let Some((&id, rest)) = sections.split_first() {
        let (size, rest) = leb128(rest).ok_or(Cut)?;
        let (contents, rest) = rest.split_at_checked(size).ok_or(Cut)?;
        visit(id, contents);
        sections = rest;
    }
    Ok(())
}

fn custom_name(contents: &[u8]) -> &[u8] {
    leb128(contents).and_then(|(length, rest)| rest.get(..length)).unwrap_or_default()
}

/// An unsigned number of at most 32 bits, and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, &bytes[index + 1..]));
        }
    }
    None
}

fn foreign(bytes: &[u8]) -> LoadError {
    const MACH_O: [[u8; 4]; 5] = [
        [0xfe, 0xed, 0xfa, 0xce],
        [0xfe, 0xed, 0xfa, 0xcf],
        [0xce, 0xfa, 0xed, 0xfe],
        [0xcf, 0xfa, 0xed, 0xfe],
        [0xca, 0xfe, 0xba, 0xbe],
    ];
    if bytes.starts_with(b"\x7fELF") {
        // wasmtime's own precompiled files are ELF too; one that this server did not make is native code like any other.
        return LoadError::Native("a native ELF file (a .so, a program, or precompiled code)");
    }
    if MACH_O.iter().any(|magic| bytes.starts_with(magic)) {
        return LoadError::Native("a native Mach-O file (a .dylib or a program)");
    }
    if bytes.starts_with(b"MZ") {
        return LoadError::Native("a native PE file (a .dll or a program)");
    }
    if bytes.len() < 8 && b"\0asm\x01\0\0\0".starts_with(bytes) {
        return LoadError::Truncated(bytes.len());
    }
    LoadError::NotWasm(match bytes {
        [0x1f, 0x8b, ..] => "a gzip archive",
        [b'P', b'K', ..] => "a zip archive",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "a zstd archive",
        [0xde, 0xc0, 0x17, 0x0b, ..] | [b'B', b'C', 0xc0, 0xde, ..] => "LLVM bitcode",
        _ if bytes.starts_with(b"REDIS0") => "an RDB file",
        _ if bytes.starts_with(b"!<arch>") => "a static library",
        _ if bytes.starts_with(b"#!") => "a script",
        _ if bytes.trim_ascii_start().starts_with(b"(") => "WebAssembly text; assemble it first",
        _ if bytes.iter().all(|&b| b == b'\t' || b == b'\n' || b == b'\r' || b >= b' ')
            && std::str::from_utf8(bytes).is_ok() =>
        {
            "text"
        }
        _ => "some other binary file",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(bytes: &[u8]) -> String {
        match probe(bytes) {
            Ok(kind) => format!("{kind:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_files_look_like() {
        let native = |what: &str| {
            format!(
                "the file is {what}: native code could do anything to this server, so only WebAssembly is loaded; \
                 compile the module for wasm32 instead"
            )
        };
        let not = |what: &str| format!("the file is not WebAssembly: it looks like {what}");
        assert_eq!(says(b""), "the file is empty");
        assert_eq!(
            says(b"\x7fELF\x02\x01"),
            native("a native ELF file (a .so, a program, or precompiled code)")
        );
        assert_eq!(says(b"\xcf\xfa\xed\xfe...."), native("a native Mach-O file (a .dylib or a program)"));
        assert_eq!(says(b"MZ\x90\0"), native("a native PE file (a .dll or a program)"));
        assert_eq!(says(b"\x1f\x8b\x08"), not("a gzip archive"));
        assert_eq!(says(b"(component)"), not("WebAssembly text; assemble it first"));
        assert_eq!(says(b"hello\n"), not("text"));
        assert_eq!(says(b"\0\x01\x02\x03"), not("some other binary file"));
        assert_eq!(says(b"\0asm\x02\0\0\0"), "the file is WebAssembly of the unknown version 2");
    }

    #[test]
    fn a_cut_file_is_called_truncated() {
        let whole = b"\0asm\x0d\0\x01\0\0\x03\x02hi";
        assert_eq!(probe(whole).expect("it is whole"), Kind::Component);
        for length in 1..whole.len() {
            if length == 8 {
                continue; // The empty component.
            }
            assert_eq!(
                says(&whole[..length]),
                format!("the file is truncated: it ends in the middle of a section, after {length} bytes")
            );
        }
    }

    #[test]
    fn a_core_module_passes_only_with_its_wit() {
        assert!(says(b"\0asm\x01\0\0\0").starts_with("the file is a core module without its WIT"));
        assert!(
            says(b"\0asm\x01\0\0\0\0\x03\x02hi").starts_with("the file is a core module without its WIT")
        );
        let mut with_wit = b"\0asm\x01\0\0\0\0\x11\x10".to_vec();
        with_wit.extend_from_slice(b"component-type:x");
        assert_eq!(says(&with_wit), "CoreWithWit");
    }
}
