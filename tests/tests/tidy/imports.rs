//! Who may import whom. One table says what a layer may name of its own crate and why; a second one says which crates
//! are named in one place only. Test code is free: a test of one layer may well build another one.

use crate::Complaint;
use crate::source::{Reference, Source};

/// What the files of a folder may name.
struct Layer {
    /// Everything below it, and the file of the same name.
    folder: &'static str,
    rule: Rule,
    why: &'static str,
}

enum Rule {
    /// Of its own crate it names nothing but these.
    Only(&'static [&'static str]),
    /// It never names these.
    Never(&'static [&'static str]),
    /// Of the first it names nothing but the second.
    OfThis(&'static str, &'static [&'static str]),
}

const LAYERS: &[Layer] = &[
    Layer {
        folder: "server/src/keyspace",
        rule: Rule::Only(&["crate::keyspace", "crate::limits"]),
        why: "the keyspace waits for nobody, logs nothing and knows no client; it sees `limits` and std, so that it can be \
              tested, locked and walked on its own",
    },
    Layer {
        folder: "server/src/net",
        rule: Rule::Never(&["crate::keyspace", "crate::effects", "crate::module"]),
        why: "a connection reads requests and writes replies; what a request does is decided behind `dispatch`, under the \
              locks that it takes",
    },
    Layer {
        folder: "server/src/net",
        // The session is what a connection keeps of its client between two requests.
        rule: Rule::OfThis("crate::command", &["crate::command::dispatch", "crate::command::session"]),
        why: "`net` sees `command::dispatch` and replies: one door, so that nothing runs past the refusals, the locks and \
              the effects",
    },
    Layer {
        folder: "server/src/effects",
        rule: Rule::OfThis("crate::command", &["crate::command::dispatch", "crate::command::session"]),
        why: "what follows from a write runs a command only through `dispatch`, in a session, like everybody else, so that \
              replay and replication do exactly what the client's request did",
    },
];

/// Crates that only one folder names, in the source and in its manifest.
const ONE_PLACE: &[(&str, &str, &str)] = &[
    (
        "wasmtime",
        "runtime/",
        "the engine is hidden behind the runtime, which gets a second front end one day",
    ),
    (
        "wasmtime_wasi",
        "runtime/",
        "the engine is hidden behind the runtime, which gets a second front end one day",
    ),
];

/// What is wrong with the imports of this file.
pub(crate) fn check(source: &Source) -> Vec<Complaint> {
    if source.is_test() {
        return Vec::new();
    }
    let references = source.references();
    let mut complaints = Vec::new();
    for layer in LAYERS.iter().filter(|layer| layer.covers(&source.path)) {
        for reference in references.iter().filter(|reference| layer.forbids(reference)) {
            let text = format!("names {}, but {}", reference.path.join("::"), layer.why);
            complaints.push(Complaint::new(source, reference.line, text));
        }
    }
    for reference in &references {
        let of = reference.path[0].as_str();
        for (name, place, why) in ONE_PLACE {
            if of == *name && !source.path.starts_with(place) {
                complaints.push(Complaint::new(source, reference.line, format!("names {of}, but {why}")));
            }
        }
        if source.path.starts_with("runtime/src/") && (of.starts_with("sandkey_") || of == "sandkey") {
            let text = format!(
                "names {of}, but the runtime sees no other crate of the workspace: its host is a trait"
            );
            complaints.push(Complaint::new(source, reference.line, text));
        }
    }
    complaints
}

/// What is wrong with the dependencies that this manifest declares.
pub(crate) fn check_manifest(source: &Source) -> Vec<Complaint> {
    let in_runtime = source.path.starts_with("runtime/");
    let is_root = source.path == "Cargo.toml";
    let mut complaints = Vec::new();
    let mut dependencies = false;
    for (number, line) in source.text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            dependencies = line.contains("dependencies");
            continue;
        }
        let name = line.split(['.', '=', ' ']).next().unwrap_or_default().replace('-', "_");
        if !dependencies || is_root || name.is_empty() {
            continue;
        }
        if in_runtime && (name.starts_with("sandkey") || line.contains("path =")) {
            let text = format!("depends on {name}, but the runtime sees no other crate of the workspace");
            complaints.push(Complaint::new(source, number + 1, text));
        }
        for (one, place, why) in ONE_PLACE {
            if name == *one && !source.path.starts_with(place) {
                complaints.push(Complaint::new(source, number + 1, format!("depends on {name}, but {why}")));
            }
        }
    }
    complaints
}

impl Layer {
    fn covers(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.folder);
        rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }

    fn forbids(&self, reference: &Reference) -> bool {
        let path = &reference.path;
        if path[0] != "crate" {
            return false;
        }
        // The whole crate under another name, or everything in it, could be anything.
        if path.len() == 1 || path[1] == "*" {
            return true;
        }
        let within = |prefix: &str| {
            prefix.split("::").zip(path).filter(|(a, b)| a == b).count() == prefix.split("::").count()
        };
        match self.rule {
            Rule::Only(all) => !all.iter().any(|one| within(one)),
            Rule::Never(all) => all.iter().any(|one| within(one)),
            Rule::OfThis(parent, all) => within(parent) && !all.iter().any(|one| within(one)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(usize, String)> {
        let complaints = check(&Source::fake(path, text));
        complaints
            .into_iter()
            .map(|c| (c.line, c.text.split(',').next().unwrap_or_default().to_owned()))
            .collect()
    }

    fn one(path: &str, text: &str, named: &str) {
        assert_eq!(found(path, text), [(1, format!("names {named}"))], "{path}: {text}");
    }

    #[test]
    fn net_does_not_see_the_keyspace() {
        let path = "server/src/net/connection.rs";
        one(path, "use crate::keyspace::Db;", "crate::keyspace::Db");
        one(path, "use crate::{limits, keyspace};", "crate::keyspace");
        one(path, "fn f() { super::super::keyspace::lock::all() }", "crate::keyspace::lock::all");
        one("server/src/net.rs", "use crate::effects::Effect as E;", "crate::effects::Effect");
        // Against either rule of this layer.
        assert_eq!(found(path, "use crate as everything;").len(), 2, "another name hides what it stands for");
        assert_eq!(found(path, "use crate::*;").len(), 2, "a glob hides what it brings");
        assert_eq!(found(path, "use crate::limits; use super::reply::Reply; // crate::keyspace\n"), []);
    }

    #[test]
    fn net_sees_one_door_of_the_commands() {
        let path = "server/src/net/client.rs";
        one(path, "use crate::command::table::Command;", "crate::command::table::Command");
        one(path, "use crate::command;", "crate::command");
        assert_eq!(found(path, "use crate::command::dispatch::{execute, Outcome};"), []);
    }

    #[test]
    fn the_keyspace_sees_limits_only() {
        let path = "server/src/keyspace/shard.rs";
        one(path, "use crate::net::reply::Reply;", "crate::net::reply::Reply");
        one(path, "use crate::clock;", "crate::clock");
        assert_eq!(
            found(path, "use crate::limits::A; use super::db::Db; use hashbrown::HashTable; use std::fmt;"),
            []
        );
        let test = "#[cfg(test)] mod tests { use crate::command::dispatch; }";
        assert_eq!(found(path, test), [], "tests are free");
    }

    #[test]
    fn effects_go_through_dispatch() {
        let path = "server/src/effects/aof.rs";
        one(path, "fn replay() { crate::command::string::set(ctx) }", "crate::command::string::set");
        assert_eq!(found(path, "use crate::command::dispatch::execute; use crate::keyspace::Db;"), []);
    }

    #[test]
    fn only_the_runtime_names_the_engine() {
        one("server/src/module/registry.rs", "use wasmtime::Engine;", "wasmtime");
        one("server/src/module/registry.rs", "type S = wasmtime_wasi::p2::WasiView;", "wasmtime_wasi");
        assert_eq!(found("runtime/src/engine.rs", "use wasmtime::Engine;"), []);
        one("runtime/src/engine.rs", "use sandkey_server::limits;", "sandkey_server");
    }

    #[test]
    fn manifests_follow() {
        let found = |path: &str, text: &str| check_manifest(&Source::fake(path, text)).len();
        assert_eq!(found("server/Cargo.toml", "[dependencies]\nwasmtime.workspace = true"), 1);
        assert_eq!(found("server/Cargo.toml", "[dev-dependencies]\nwasmtime-wasi = \"48\""), 1);
        assert_eq!(found("runtime/Cargo.toml", "[dependencies]\nsandkey-server.workspace = true"), 1);
        assert_eq!(
            found(
                "runtime/Cargo.toml",
                "[package]\nname = \"sandkey-runtime\"\n[dependencies]\nwasmtime = \"48\""
            ),
            0
        );
        assert_eq!(found("Cargo.toml", "[workspace.dependencies]\nwasmtime = \"48\""), 0);
    }
}
