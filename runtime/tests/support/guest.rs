//! Small guests for the tests: a core module in text with the contract's WIT in a custom section, and a manifest that is
//! laid out in its memory byte by byte, as the canonical ABI has it.
//!
//! Written like this, a test says exactly what the guest does, down to the instruction, and needs no toolchain.

#![allow(dead_code, missing_docs, unreachable_pub)]

use std::path::Path;

/// Where the manifest lies, and where the heap begins.
const MANIFEST: u32 = 4096;
const HEAP: u32 = 65536;

/// What a guest declares and does.
pub struct Guest {
    pub name: &'static str,
    pub version: u32,
    pub state: u8,
    pub commands: Vec<Declared>,
    /// Integer parameters: name, default, minimum, maximum.
    pub configs: Vec<(&'static str, i64, i64, i64)>,
    /// Data types: name and encver.
    pub types: Vec<(&'static str, u32)>,
    /// What the functions of `values` do, if they are exported.
    pub values: Option<Values>,
    pub events: Vec<&'static str>,
    /// Imports and other fields of the module.
    pub fields: String,
    /// Instructions of `init` before it answers with the manifest; its arguments are `$data $data_len $ends $ends_len`.
    pub init: String,
    /// Instructions of `call`, with `$command` beside those and
    /// a local `$n`. Results are written at 1024; 1024 is the answer.
    pub call: String,
    /// Instructions of `configs.set`; answers with ok at 2048.
    pub set: String,
    /// Pages of memory at first.
    pub pages: u32,
}

/// Instructions in front of what the functions of `values` do by themselves: an object is the bytes that it was loaded from, and
/// its number the position of their address and length in a table at 2304, from 1 on. Answers lie at 2200.
#[derive(Default)]
pub struct Values {
    /// With `$type $encver $at $len`.
    pub load: String,
    /// With `$type $object`, as all the others have it.
    pub save: String,
    pub free: String,
    pub memory_usage: String,
    pub free_effort: String,
    /// With `$source $source_len $target $target_len`.
    pub copy: String,
    pub digest: String,
    /// With `$key $key_len`.
    pub aof_rewrite: String,
}

pub struct Declared {
    pub name: &'static str,
    pub arity: i32,
    pub flags: u16,
    /// First and last key and access.
    pub keys: Option<(u32, i32, u8)>,
}

pub const WRITE: u16 = 1;
pub const READONLY: u16 = 2;

impl Default for Guest {
    fn default() -> Self {
        Self {
            name: "test",
            version: 1,
            state: 0,
            commands: vec![Declared { name: "test.run", arity: -1, flags: 0, keys: None }],
            configs: vec![],
            types: vec![],
            values: None,
            events: vec![],
            fields: String::new(),
            init: String::new(),
            call: String::new(),
            set: String::new(),
            pages: 2,
        }
    }
}

/// A guest that does this in `call`.
pub fn calling(call: &str) -> Guest {
    Guest { call: call.into(), ..Guest::default() }
}

/// Answer with a tag and a payload of the reply variant: 0 ok, 1 null, 2 integer ...
pub fn reply(tag: u8, payload: &str) -> String {
    format!(
        "(i32.store8 (i32.const 1024) (i32.const 0)) (i32.store8 (i32.const 1032) (i32.const {tag})) {payload}"
    )
}

/// Answer with a list or a string at an address: 5 simple, 6 bulk, 7 resp3.
pub fn reply_bytes(tag: u8, address: &str, length: &str) -> String {
    reply(tag, &format!("(i32.store (i32.const 1040) {address}) (i32.store (i32.const 1044) {length})"))
}

/// The instructions that put bytes at an address.
pub fn put(address: u32, bytes: &[u8]) -> String {
    let store = |(at, byte)| format!("(i32.store8 (i32.const {}) (i32.const {byte}))", address as usize + at);
    bytes.iter().enumerate().map(store).collect()
}

impl Guest {
    pub fn text(&self) -> String {
        let manifest = self.manifest();
        let data: String = manifest.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let configs = if self.configs.is_empty() {
            String::new()
        } else {
            format!(
                r#"(func (export "sandkey:module/configs@0.1.0#set")
                    (param $name i32) (param $name_len i32) (param $tag i32) (param $value i64) (param $len i32) (result i32)
                    (i32.store8 (i32.const 2048) (i32.const 0)) {} (i32.const 2048))"#,
                self.set
            )
        };
        let values = self.values.as_ref().map(Values::text).unwrap_or_default();
        // A command's memory is taken back when the next one begins, unless there are objects in it.
        let forget = match self.values {
            None => format!("(global.set $heap (i32.const {HEAP}))"),
            Some(_) => String::new(),
        };
        format!(
            r#"(module $guest
                {fields}
                (memory (export "memory") {pages})
                (global $heap (mut i32) (i32.const {HEAP}))
                (data (i32.const {MANIFEST}) "{data}")
                (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                    (global.set $heap (i32.add (local.get $at) (local.get 3)))
                    (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
                        (then (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get 3) (i32.const 16)))))
                            (then unreachable))))
                    (local.get $at))
                (func $init (export "sandkey:module/lifecycle@0.1.0#init")
                    (param $data i32) (param $data_len i32) (param $ends i32) (param $ends_len i32) (result i32)
                    {init}
                    (i32.const {MANIFEST}))
                (func $call (export "sandkey:module/commands@0.1.0#call")
                    (param $command i32) (param $data i32) (param $data_len i32) (param $ends i32) (param $ends_len i32)
                    (result i32)
                    (local $n i32)
                    {forget}
                    (i32.store8 (i32.const 1024) (i32.const 0)) (i32.store8 (i32.const 1032) (i32.const 0))
                    {call}
                    (i32.const 1024))
                {configs}{values})"#,
            fields = self.fields,
            pages = self.pages,
            init = self.init,
            call = self.call,
        )
    }

    /// The core module, with its WIT.
    pub fn core(&self) -> Vec<u8> {
        let world = match (self.configs.is_empty(), self.values.is_none()) {
            (true, true) => "module",
            (false, true) => "configurable-module",
            (true, false) => "data-module",
            (false, false) => "sandkey:tests/everything",
        };
        embed(&self.text(), &contract(), world)
    }

    /// The component that a toolchain would make of it.
    pub fn component(&self) -> Vec<u8> {
        wit_component::ComponentEncoder::default()
            .module(&self.core())
            .and_then(|encoder| encoder.validate(true).encode())
            .unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// `result<manifest, string>` at [`MANIFEST`], with everything that it points to behind it.
    fn manifest(&self) -> Vec<u8> {
        let mut memory = Laid { bytes: vec![0; 4 + 72] };
        let name = memory.text(self.name);
        let summary = memory.text("A guest of the tests.");
        let commands: Vec<Vec<u8>> = self.commands.iter().map(|command| memory.command(command)).collect();
        let commands = memory.list(&commands);
        let configs: Vec<Vec<u8>> = self.configs.iter().map(|config| memory.config(config)).collect();
        let configs = memory.list(&configs);
        let types: Vec<Vec<u8>> = self
            .types
            .iter()
            .map(|(name, encver)| [memory.text(name), encver.to_le_bytes().to_vec()].concat())
            .collect();
        let types = memory.list(&types);
        let events: Vec<Vec<u8>> = self.events.iter().map(|event| memory.text(event)).collect();
        let events = memory.list(&events);
        let mut record = name;
        record.extend(self.version.to_le_bytes());
        record.extend(summary);
        record.extend([self.state, 0, 0, 0]);
        record.extend(commands);
        record.extend(configs);
        record.extend(types);
        record.extend(events);
        record.extend([0; 16]);
        memory.bytes[4..76].copy_from_slice(&record);
        memory.bytes
    }
}

impl Values {
    fn text(&self) -> String {
        let function = |name: &str, params: &str, result: &str, before: &str, code: &str| {
            format!(
                r#"(func (export "sandkey:module/values@0.1.0#{name}") (param $type i32) {params} {result}
                    (local $n i32) {before} {code})"#
            )
        };
        let object = |name: &str, result: &str, before: &str, code: &str| {
            function(name, "(param $object i32)", result, before, code)
        };
        // The address and the length of the object's bytes, at a place.
        let bytes = |at: u32| {
            format!(
                "(i64.store (i32.const {at}) (i64.load (call $find (local.get $object)))) (i32.const 2200)"
            )
        };
        let address = "(result i32)";
        let lists = "(param $object i32) (param $source i32) (param $source_len i32) (param $target i32) (param $target_len i32)";
        [
            r#"(global $objects (mut i32) (i32.const 0))
               (func $find (param $object i32) (result i32)
                   (if (i32.or (i32.eqz (local.get 0)) (i32.gt_u (local.get 0) (global.get $objects))) (then unreachable))
                   (local.set 0 (i32.add (i32.const 2304) (i32.mul (local.get 0) (i32.const 8))))
                   (if (i32.eqz (i32.load (local.get 0))) (then unreachable))
                   (local.get 0))"#
                .to_owned(),
            function(
                "load",
                "(param $encver i32) (param $at i32) (param $len i32)",
                address,
                &self.load,
                "(global.set $objects (i32.add (global.get $objects) (i32.const 1)))
                 (local.set $n (i32.mul (global.get $objects) (i32.const 8)))
                 (i32.store offset=2304 (local.get $n) (local.get $at))
                 (i32.store offset=2308 (local.get $n) (local.get $len))
                 (i32.store8 (i32.const 2200) (i32.const 0))
                 (i32.store (i32.const 2204) (global.get $objects))
                 (i32.const 2200)",
            ),
            object("save", address, &self.save, &bytes(2200)),
            object("free", "", &self.free, "(i64.store (call $find (local.get $object)) (i64.const 0))"),
            object(
                "memory-usage",
                "(result i64)",
                &self.memory_usage,
                "(i64.load32_u offset=4 (call $find (local.get $object)))",
            ),
            object("free-effort", "(result i64)", &self.free_effort, "(i64.const 1)"),
            function(
                "copy",
                lists,
                address,
                &self.copy,
                &format!("(i32.store8 (i32.const 2200) (i32.const 0)) {}", bytes(2204)),
            ),
            object("digest", address, &self.digest, &bytes(2200)),
            function(
                "aof-rewrite",
                "(param $object i32) (param $key i32) (param $key_len i32)",
                address,
                &self.aof_rewrite,
                "(i64.store (i32.const 2200) (i64.const 0)) (i32.const 2200)",
            ),
        ]
        .concat()
    }
}

struct Laid {
    bytes: Vec<u8>,
}

impl Laid {
    /// Bytes at an aligned place; pointer and length as they stand in a record.
    fn place(&mut self, bytes: &[u8], count: usize) -> Vec<u8> {
        while !self.bytes.len().is_multiple_of(8) {
            self.bytes.push(0);
        }
        let address = MANIFEST + u32::try_from(self.bytes.len()).expect("manifests are small");
        self.bytes.extend_from_slice(bytes);
        [address.to_le_bytes(), u32::try_from(count).expect("manifests are small").to_le_bytes()].concat()
    }

    fn text(&mut self, text: &str) -> Vec<u8> {
        self.place(text.as_bytes(), text.len())
    }

    fn list(&mut self, elements: &[Vec<u8>]) -> Vec<u8> {
        self.place(&elements.concat(), elements.len())
    }

    fn command(&mut self, command: &Declared) -> Vec<u8> {
        let mut record = self.text(command.name);
        record.extend(command.arity.to_le_bytes());
        record.extend(command.flags.to_le_bytes());
        record.extend([0; 2]);
        let keys: Vec<Vec<u8>> = command
            .keys
            .iter()
            .map(|(first, last, access)| {
                let mut spec = vec![*access, 0, 0, 0, 0, 0, 0, 0];
                spec.extend(first.to_le_bytes());
                spec.extend(last.to_le_bytes());
                spec.extend(1u32.to_le_bytes());
                spec
            })
            .collect();
        record.extend(self.list(&keys));
        record.extend([0; 8 + 32]);
        record
    }

    fn config(&mut self, &(name, default, min, max): &(&str, i64, i64, i64)) -> Vec<u8> {
        let mut record = self.text(name);
        record.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        record.extend(default.to_le_bytes());
        record.extend(min.to_le_bytes());
        record.extend(max.to_le_bytes());
        record.extend([0; 16]);
        record
    }
}

/// The contract in `wit/`.
pub fn contract() -> (wit_parser::Resolve, wit_parser::PackageId) {
    let mut resolve = wit_parser::Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_dir(&wit).unwrap_or_else(|error| panic!("{error:#}"));
    let both = "package sandkey:tests; world everything {
        include sandkey:module/configurable-module@0.1.0; include sandkey:module/data-module@0.1.0; }";
    resolve.push_str("everything.wit", both).unwrap_or_else(|error| panic!("{error:#}"));
    (resolve, package)
}

/// A core module in text, with the WIT of a world in a custom section.
pub fn embed(
    text: &str,
    (resolve, package): &(wit_parser::Resolve, wit_parser::PackageId),
    world: &str,
) -> Vec<u8> {
    let mut wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let world = resolve.select_world(&[*package], Some(world)).unwrap_or_else(|error| panic!("{error:#}"));
    wit_component::embed_component_metadata(&mut wasm, resolve, world, wit_component::StringEncoding::UTF8)
        .unwrap_or_else(|error| panic!("{error:#}"));
    wasm
}
