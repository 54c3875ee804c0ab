//! Rust cannot grow a table, so the one function that does is written here as a relocatable object for the linker.
//! For a build on the host machine (unit tests, clippy) there is nothing to do.

use std::path::Path;

/// A section: its number, its length, its bytes.
fn section(number: u8, body: &[u8]) -> Vec<u8> {
    let len = u8::try_from(body.len()).expect("every section here is short");
    assert!(len < 0x80, "a length of one byte");
    [&[number, len], body].concat()
}

/// A name or the body of a subsection: its length, its bytes.
fn counted(body: &[u8]) -> Vec<u8> {
    let len = u8::try_from(body.len()).expect("every name here is short");
    [&[len], body].concat()
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("wasm32") {
        return;
    }
    // (func $hostile_table_grow (param i32) (result i32)  ref.null func  local.get 0  table.grow 0)
    let types = [&[1, 0x60, 1, 0x7f, 1, 0x7f][..]].concat();
    let table =
        [&[1][..], &counted(b"env"), &counted(b"__indirect_function_table"), &[1, 0x70, 0, 0]].concat();
    let functions = [1, 0];
    // The table's number is left to the linker: five bytes, 9 bytes into the section's body.
    let body = [0, 0xd0, 0x70, 0x20, 0, 0xfc, 0x0f, 0x80, 0x80, 0x80, 0x80, 0, 0x0b];
    let code = [&[1][..], &counted(&body)].concat();
    let relocation_at = u8::try_from(code.len() - body.len() + 7).expect("the section is short");
    // Two symbols: the function that is defined here, and the table that is not.
    let function = [&[0, 0, 0][..], &counted(b"hostile_table_grow")].concat();
    let undefined_table = [5, 0x10, 0];
    let symbols = [&[2][..], &function, &undefined_table].concat();
    let linking = [&counted(b"linking")[..], &[2, 8], &counted(&symbols)].concat();
    // In section 3 (the fourth), one relocation: R_WASM_TABLE_NUMBER_LEB, where, and the symbol 1.
    let relocations = [&counted(b"reloc.CODE")[..], &[3, 1, 20, relocation_at, 1]].concat();
    let object = [
        &b"\0asm\x01\0\0\0"[..],
        &section(1, &types),
        &section(2, &table),
        &section(3, &functions),
        &section(10, &code),
        &section(0, &linking),
        &section(0, &relocations),
    ]
    .concat();
    let folder = std::env::var("OUT_DIR").expect("cargo sets it");
    let path = Path::new(&folder).join("table.o");
    std::fs::write(&path, object).expect("cargo's own folder can be written");
    println!("cargo:rustc-cdylib-link-arg={}", path.display());
    // Otherwise the table's maximum is its size, and growing it fails before the server has a say.
    println!("cargo:rustc-cdylib-link-arg=--growable-table");
}
