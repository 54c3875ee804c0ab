//! The exports: what `module!` writes, but with answers of this module's own for `values`.
use sandkey::bindings::data::exports::sandkey::module::values;
use sandkey::bindings::data::sandkey::module::types::Argv;

use crate::moods::{self, Function};
use crate::{MODULE, objects};

struct Exports;

impl sandkey::HasModule for Exports {
    const MODULE: &'static sandkey::Module = &MODULE;
}

struct Values;

impl values::Guest for Values {
    fn load(_data_type: u32, _encver: u32, bytes: Vec<u8>) -> Result<u32, String> {
        moods::load(&bytes)
    }

    fn save(_data_type: u32, object: u32) -> Vec<u8> {
        let object = objects::change(object, |object| object.clone());
        moods::bytes(&object, Function::Save)
    }

    fn free(_data_type: u32, object: u32) {
        let object = objects::remove(object);
        moods::misbehave(&object.mood, Function::Free);
    }

    fn memory_usage(_data_type: u32, object: u32) -> u64 {
        objects::change(object, |object| moods::number(&object.mood, Function::Usage))
    }

    fn free_effort(_data_type: u32, object: u32) -> u64 {
        objects::change(object, |object| moods::number(&object.mood, Function::Effort))
    }

    fn copy(_data_type: u32, object: u32, _source: Vec<u8>, _target: Vec<u8>) -> Result<Vec<u8>, String> {
        let object = objects::change(object, |object| object.clone());
        moods::refusal(&object.mood, Function::Copy)?;
        Ok(moods::bytes(&object, Function::Copy))
    }

    fn digest(_data_type: u32, object: u32) -> Vec<u8> {
        let object = objects::change(object, |object| object.clone());
        moods::bytes(&object, Function::Digest)
    }

    fn aof_rewrite(_data_type: u32, object: u32, _key: Vec<u8>) -> Vec<Argv> {
        let object = objects::change(object, |object| object.clone());
        moods::misbehave(&object.mood, Function::Rewrite);
        match moods::what(&object.mood, Function::Rewrite) {
            Some("garbage") => vec![Argv { data: vec![1, 2, 3], ends: vec![2, 1, 9] }],
            Some("empty") => vec![Argv { data: vec![], ends: vec![] }],
            _ => Vec::new(),
        }
    }
}

sandkey::bindings::export_module!(Exports with_types_in sandkey::bindings);
sandkey::bindings::data::export_values!(Values with_types_in sandkey::bindings::data);

#[unsafe(export_name = "sandkey:module/commands@0.1.0#call")]
unsafe extern "C" fn call(
    command: u32,
    data: *mut u8,
    data_len: usize,
    ends: *mut u32,
    ends_len: usize,
) -> *const [u64; 3] {
    // SAFETY: the server calls this by the component model's rules, which promise what is asked for.
    unsafe { sandkey::call(&MODULE, command, data, data_len, ends, ends_len) }
}

#[unsafe(export_name = "sandkey_argument_space")]
extern "C" fn argument_space(bytes: usize) -> *mut u8 {
    // SAFETY: the server asks between commands.
    unsafe { sandkey::argument_space(bytes) }
}
