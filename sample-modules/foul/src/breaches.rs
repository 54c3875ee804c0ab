//! Breaches of the rules of `objects`, each by the word in front of it. Some trap, some are refused, and `harmless` ones are allowed
//! and must lead to a value that is whole.
use sandkey::bindings::sandkey::module::{keyspace, types};
use sandkey::prelude::*;

use crate::objects::{self, Object};

pub use sandkey::bindings::sandkey::module::objects as wit;

/// The server's handle of a key, to change it.
pub fn open(name: &[u8]) -> Result<u32> {
    Ok(keyspace::open(name, keyspace::Mode::Write)?)
}

/// The same, to look at it.
pub fn open_read(name: &[u8]) -> Result<u32> {
    Ok(keyspace::open(name, keyspace::Mode::Read)?)
}

fn argv(words: &[&[u8]]) -> types::Argv {
    let mut data = Vec::new();
    let mut ends = Vec::new();
    for word in words {
        data.extend_from_slice(word);
        ends.push(data.len() as u32);
    }
    types::Argv { data, ends }
}

fn fresh(mood: &str) -> u32 {
    objects::insert(Object { mood: mood.to_owned(), payload: Vec::new() })
}

/// Edit the object under the key; its number.
fn edit(handle: u32) -> Result<u32> {
    wit::edit(handle, 0)?.ok_or_else(|| error!("ERR there is no object"))
}

/// Edit, change, and say that this command did it.
fn edit_and_say(handle: u32, words: &[&[u8]]) -> Result<Reply> {
    let number = edit(handle)?;
    objects::change(number, |object| "edited".clone_into(&mut object.mood));
    wit::journal(handle, &argv(words))?;
    Ok(Reply::Ok)
}

/// One breach by a command that may write.
pub fn run(key: &Key, other: &Key, rule: &str) -> Result<Reply> {
    let handle = open(key.name())?;
    let second = open(other.name())?;
    match rule {
        "set-twice" => {
            let number = fresh("shared");
            wit::set(handle, 0, number)?;
            wit::set(second, 0, number)?;
        }
        "set-edited" => {
            let number = edit(handle)?;
            wit::set(second, 0, number)?;
        }
        "set-stranger" => wit::set(handle, 0, 4_000_000_000)?,
        "set-type" => wit::set(handle, 7, fresh("type"))?,
        "set-handle" => wit::set(4711, 0, fresh("handle"))?,
        "set-read" => wit::set(open_read(key.name())?, 0, fresh("read"))?,
        "get-type" => drop(wit::get(handle, 7)?),
        "get-handle" => drop(wit::get(4711, 0)?),
        "edit-handle" => drop(wit::edit(4711, 0)?),
        "edit-read" => drop(wit::edit(open_read(key.name())?, 0)?),
        "journal-first" => wit::journal(handle, &argv(&[b"foul.turn", key.name(), b"edited"]))?,
        "journal-handle" => wit::journal(4711, &argv(&[b"foul.turn"]))?,
        "journal-twice" => {
            edit_and_say(handle, &[b"foul.turn", key.name(), b"edited"])?;
            wit::journal(handle, &argv(&[b"foul.turn", key.name(), b"edited"]))?;
        }
        "journal-read" => {
            edit(handle)?;
            wit::journal(open_read(other.name())?, &argv(&[b"foul.turn", other.name(), b"edited"]))?;
        }
        "journal-nothing" => return edit_and_say(handle, &[]),
        "journal-unknown" => return edit_and_say(handle, &[b"foul.no-such", key.name()]),
        "journal-foreign" => return edit_and_say(handle, &[b"SET", key.name(), b"value"]),
        "journal-arity" => return edit_and_say(handle, &[b"foul.turn"]),
        "journal-refuses" => return edit_and_say(handle, &[b"foul.refuse", key.name()]),
        "journal-traps" => return edit_and_say(handle, &[b"foul.trap", key.name()]),
        "journal-native" => return edit_and_say(handle, &[b"foul.native", key.name()]),
        "journal-puts" => return edit_and_say(handle, &[b"foul.put", key.name(), b"put"]),
        "harmless-journal" => return edit_and_say(handle, &[b"foul.turn", key.name(), b"edited"]),
        "harmless-edit-delete" => {
            edit(handle)?;
            keyspace::delete(handle)?;
        }
        "harmless-edit-set" => {
            edit(handle)?;
            wit::set(handle, 0, fresh("second"))?;
        }
        "harmless-set-set" => {
            wit::set(handle, 0, fresh("first"))?;
            wit::set(handle, 0, fresh("second"))?;
        }
        "harmless-set-delete" => {
            wit::set(handle, 0, fresh("first"))?;
            keyspace::delete(handle)?;
        }
        "harmless-edit-string" => {
            edit(handle)?;
            key.set("a string")?;
        }
        "harmless-handles" => {
            // The same object through two handles.
            let again = open(key.name())?;
            let number = edit(handle)?;
            edit(again)?;
            objects::change(number, |object| "twice".clone_into(&mut object.mood));
            wit::journal(again, &argv(&[b"foul.turn", key.name(), b"twice"]))?;
        }
        _ => bail!("ERR no such rule"),
    }
    Ok(Reply::Ok)
}

/// One breach by a command that may not write.
pub fn run_read(name: &[u8], rule: &str) -> Result<Reply> {
    let handle = open_read(name)?;
    match rule {
        "edit" => drop(wit::edit(handle, 0)?),
        "set" => wit::set(handle, 0, fresh("read"))?,
        "journal" => wit::journal(handle, &argv(&[b"foul.turn", name, b"edited"]))?,
        "scan" => drop(wit::scan(0, 0, 10)?),
        _ => bail!("ERR no such rule"),
    }
    Ok(Reply::Ok)
}
