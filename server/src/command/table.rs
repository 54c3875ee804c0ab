//! The command table: every command that this server answers, native ones and those of modules, as one struct.
//! Looking a name up costs a few nanoseconds. A table never changes: loading a module makes a new one, and
//! workers take it over between two commands. The rows of native commands are in the families' files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::limits;
use crate::net::argv::Argv;
use crate::stats::{CommandCounters, PerWorker};

use super::context::CommandContext;
use super::error::CommandResult;
use super::name_key::NameKey;
use super::spec::{Family, Flags, KeySpec, Native, Spec};

/// What happens when a command is called. A native function, or a function of a module.
pub trait Run: Send + Sync {
    /// Run under the locks that dispatch has taken.
    fn run(&self, ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult;

    /// The module behind it, for what dispatch must do before it takes any lock: waiting for fuel, and locking
    /// instances that all commands of the module share.
    fn module(&self) -> Option<&Arc<crate::module::LoadedModule>> {
        None
    }
}

struct NativeCommand(Native);

impl Run for NativeCommand {
    #[inline]
    fn run(&self, ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
        (self.0)(ctx, argv)
    }
}

/// What COMMAND DOCS says.
#[derive(Debug, Clone)]
pub struct Docs {
    /// One sentence.
    pub summary: Cow<'static, str>,
    /// The version that first had it.
    pub since: Cow<'static, str>,
    /// `string`, `hash`, ..., or `module`.
    pub group: Cow<'static, str>,
    /// Its cost.
    pub complexity: Cow<'static, str>,
    /// Its arguments in the notation that `docs` reads.
    pub syntax: Cow<'static, str>,
}

/// One command.
pub struct Command {
    /// In small letters; a subcommand is `container|name`.
    pub name: String,
    /// The number of arguments with the name among them; `-n` is n or more.
    pub arity: i32,
    /// What it may do.
    pub flags: Flags,
    /// Where its keys are.
    pub keys: Cow<'static, [KeySpec]>,
    /// ACL categories, without `@`.
    pub categories: Vec<String>,
    /// For clients that route commands.
    pub tips: &'static [&'static str],
    /// For people.
    pub docs: Docs,
    /// Its subcommands by name in small letters; empty unless it is a container.
    pub subcommands: BTreeMap<String, Arc<Command>>,
    /// What runs.
    pub run: Box<dyn Run>,
    /// What was counted of it.
    pub counters: PerWorker<CommandCounters>,
    /// Its number in this server's life; never given twice.
    pub id: u32,
    /// What clients have to call it since `rename-command`.
    renamed: Option<String>,
    key: NameKey,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Command").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Command {
    /// Make a command that can be put into a table.
    pub fn new(
        name: &str,
        arity: i32,
        flags: Flags,
        keys: impl Into<Cow<'static, [KeySpec]>>,
        docs: Docs,
        run: Box<dyn Run>,
        workers: usize,
    ) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
        static NEXT_ID: AtomicU32 = AtomicU32::new(0);
        Self {
            name: name.to_ascii_lowercase(),
            arity,
            flags,
            keys: keys.into(),
            categories: Vec::new(),
            tips: &[],
            docs,
            subcommands: BTreeMap::new(),
            run,
            counters: PerWorker::new(workers),
            id: NEXT_ID.fetch_add(1, Relaxed),
            renamed: None,
            key: NameKey::new(name.as_bytes()),
        }
    }

    fn from_spec(spec: &'static Spec, group: &'static str, container: Option<&str>, workers: usize) -> Self {
        let name = match container {
            Some(container) => format!("{container}|{}", spec.name),
            None => spec.name.to_owned(),
        };
        let docs = Docs {
            summary: spec.summary.into(),
            since: spec.since.into(),
            group: group.into(),
            complexity: spec.complexity.into(),
            syntax: spec.syntax.into(),
        };
        let run = Box::new(NativeCommand(spec.run));
        let mut command = Self::new(&name, spec.arity, spec.flags, spec.keys, docs, run, workers);
        // A container does nothing itself: the family's category is its subcommands'. And what concerns the connection is documented
        // among the generic commands without touching keys.
        let is_elsewhere = !spec.subcommands.is_empty() || spec.categories.contains(&"connection");
        let family = if is_elsewhere { "" } else { group };
        command.categories = categories(spec.flags, family, spec.categories);
        command.tips = spec.tips;
        for sub in spec.subcommands {
            let sub_command = Self::from_spec(sub, group, Some(&command.name), workers);
            command.subcommands.insert(sub.name.to_ascii_lowercase(), Arc::new(sub_command));
        }
        command
    }

    /// What clients call it.
    fn called(&self) -> &str {
        self.renamed.as_deref().unwrap_or(&self.name)
    }

    #[inline]
    fn is_named(&self, key: &NameKey, name: &[u8]) -> bool {
        self.key == *key && (key.is_whole() || self.called().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Whether this number of arguments is right.
    #[inline]
    pub fn takes(&self, argc: usize) -> bool {
        if self.arity >= 0 { argc == self.arity as usize } else { argc >= self.arity.unsigned_abs() as usize }
    }
}

/// The ACL categories of a command: what its flags imply, its family, and what its row adds.
pub fn categories(flags: Flags, group: &str, more: &[impl AsRef<str>]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        if !all.iter().any(|known| known == name) {
            all.push(name.to_owned());
        }
    };
    let family = match group {
        // WAIT and its kin stand among the generic ones and touch no key.
        "generic" if more.iter().any(|name| name.as_ref() == "connection") => "",
        // SORT is a command of the types that it sorts.
        "generic" if more.iter().any(|name| name.as_ref() == "list") => "",
        "generic" => "keyspace",
        "sorted-set" => "sortedset",
        "transactions" => "transaction",
        // These tell by flags and rows who may use them.
        "server" | "module" | "cluster" | "pubsub" => "",
        group => group,
    };
    if flags.has(Flags::WRITE) {
        add("write");
    }
    if flags.has(Flags::READ) && family != "scripting" {
        add("read");
    }
    if !family.is_empty() {
        add(family);
    }
    if flags.has(Flags::ADMIN) {
        add("admin");
        add("dangerous");
    }
    if flags.has(Flags::PUBSUB) {
        add("pubsub");
    }
    if flags.has(Flags::BLOCKING) {
        add("blocking");
    }
    more.iter().for_each(|name| add(name.as_ref()));
    add(if flags.has(Flags::FAST) { "fast" } else { "slow" });
    all
}

/// All commands.
#[derive(Default)]
pub struct CommandTable {
    by_name: HashTable<Arc<Command>>,
    /// What `rename-command` has renamed or removed, by its first name: rules and files go on using that.
    originals: BTreeMap<String, Arc<Command>>,
}

impl CommandTable {
    /// The native commands.
    pub fn native(families: &'static [Family], workers: usize) -> Self {
        let mut table = Self::default();
        for family in families {
            for spec in family.commands {
                table.insert(Arc::new(Command::from_spec(spec, family.group, None, workers)));
            }
        }
        table
    }

    /// A table with the same commands, to be changed and then put in place of this one.
    pub fn fork(&self) -> Self {
        Self { by_name: self.by_name.clone(), originals: self.originals.clone() }
    }

    /// Add a command; the name must be free.
    pub fn insert(&mut self, command: Arc<Command>) {
        debug_assert!(self.get(command.called().as_bytes()).is_none(), "{} is declared twice", command.name);
        self.by_name.insert_unique(command.key.hash(), command, |command| command.key.hash());
    }

    /// Take a command out.
    pub fn remove(&mut self, name: &str) -> Option<Arc<Command>> {
        let key = NameKey::new(name.as_bytes());
        let entry = self.by_name.find_entry(key.hash(), |command| command.is_named(&key, name.as_bytes()));
        entry.ok().map(|entry| entry.remove().0)
    }

    /// Look a name up, in any case of letters.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Command>> {
        let key = NameKey::new(name);
        self.by_name.find(key.hash(), |command| command.is_named(&key, name))
    }

    /// Let clients call a command by another name only, or not at all if that is empty. The error is Redis's text.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), &'static str> {
        let key = NameKey::new(from);
        let entry = self.by_name.find_entry(key.hash(), |command| command.is_named(&key, from));
        let (mut command, _) = entry.map_err(|_| "No such command in rename-command")?.remove();
        if !to.is_empty() {
            if self.get(to).is_some() {
                return Err("Target command name already exists");
            }
            let to = std::str::from_utf8(to).map_err(|_| "A command's name must be text")?;
            self.originals.remove(&command.name);
            let renamed = Arc::get_mut(&mut command).ok_or("Commands are renamed at the start only")?;
            renamed.renamed = Some(to.to_ascii_lowercase());
            renamed.key = NameKey::new(to.as_bytes());
            self.insert(Arc::clone(&command));
        }
        self.originals.insert(command.name.clone(), command);
        Ok(())
    }

    /// Look a name up as if no command had been renamed.
    pub fn get_original(&self, name: &[u8]) -> Option<&Arc<Command>> {
        let found = self.get(name).filter(|command| command.renamed.is_none());
        found.or_else(|| self.originals.get(&std::str::from_utf8(name).ok()?.to_ascii_lowercase()))
    }

    /// The same with a full name such as `config|get`.
    pub fn find_original(&self, name: &str) -> Option<&Arc<Command>> {
        let mut words = name.split('|');
        let command = self.get_original(words.next()?.as_bytes())?;
        match (words.next(), words.next()) {
            (None, _) => Some(command),
            (Some(sub), None) => command.subcommands.get(&sub.to_ascii_lowercase()),
            (Some(_), Some(_)) => None,
        }
    }

    /// All commands and all subcommands, those that were removed among them.
    pub fn originals(&self) -> impl Iterator<Item = &Command> {
        let gone = self.originals.values().filter(|command| !self.has(command));
        let all = self.by_name.iter().chain(gone);
        all.flat_map(|command| std::iter::once(command).chain(command.subcommands.values()))
            .map(|command| &**command)
    }

    fn has(&self, command: &Command) -> bool {
        self.get(command.called().as_bytes()).is_some_and(|known| known.id == command.id)
    }

    /// Look a full name such as `config|get` up.
    pub fn find(&self, name: &str) -> Option<&Arc<Command>> {
        match name.split_once('|') {
            None => self.get(name.as_bytes()),
            Some((container, sub)) => {
                self.get(container.as_bytes())?.subcommands.get(&sub.to_ascii_lowercase())
            }
        }
    }

    /// All commands, subcommands not among them, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Command>> {
        self.by_name.iter()
    }

    /// All commands and all subcommands.
    pub fn iter_all(&self) -> impl Iterator<Item = &Arc<Command>> {
        self.iter().flat_map(|command| std::iter::once(command).chain(command.subcommands.values()))
    }

    /// How many there are, subcommands not counted.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// The line for a name that no table has: with the client's own bytes, whatever they are.
pub fn unknown_command(argv: Argv<'_>) -> Vec<u8> {
    let name = argv.name();
    let mut line = b"ERR unknown command '".to_vec();
    line.extend_from_slice(name.get(..limits::ERROR_NAME_BYTES).unwrap_or(name));
    line.extend_from_slice(b"', with args beginning with: ");
    let start = line.len();
    for arg in argv.iter().skip(1) {
        let room = limits::ERROR_ARGS_BYTES.saturating_sub(line.len() - start);
        if room == 0 {
            break;
        }
        line.push(b'\'');
        line.extend_from_slice(arg.get(..room).unwrap_or(arg));
        line.extend_from_slice(b"' ");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(name: &str) -> Arc<Command> {
        let text = || Cow::Borrowed("");
        let docs = Docs { summary: text(), since: text(), group: text(), complexity: text(), syntax: text() };
        Arc::new(Command::new(name, 1, Flags::NONE, &[][..], docs, Box::new(NativeCommand(|_, _| Ok(()))), 1))
    }

    #[test]
    fn names_are_found_in_any_case_and_at_any_length() {
        let name = "a.rather-long.name@of[a]module`s{command}";
        let mut table = CommandTable::default();
        (1..=name.len()).for_each(|len| table.insert(command(&name[..len])));
        for len in 1..=name.len() {
            let name = &name[..len];
            for asked in [name.to_owned(), name.to_ascii_uppercase()] {
                assert_eq!(table.get(asked.as_bytes()).map(|found| &*found.name), Some(name));
            }
            let mut other = name.as_bytes().to_vec();
            for at in 0..len {
                // The bit that is the case of a letter: any other byte becomes another one by it.
                other[at] ^= 0x20;
                let same = name.as_bytes()[at].is_ascii_alphabetic();
                assert_eq!(table.get(&other).is_some(), same, "{}", other.escape_ascii());
                other[at] ^= 0x20;
            }
        }
        assert!(table.get(b"").is_none());
        assert_eq!(
            table.remove(&name.to_ascii_uppercase()).map(|gone| gone.name.clone()).as_deref(),
            Some(name)
        );
        assert!(table.get(name.as_bytes()).is_none());
    }
}
