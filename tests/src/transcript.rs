//! Tests that read as a session in redis-cli: commands, and under each what it must print.
//! A transcript runs in RESP2 and in RESP3, and, where the server keeps its data, across restarts. Replies are
//! written in their RESP3 form; the RESP2 form follows from it, and where it does not, a line says for which
//! protocol it stands. tests/transcripts/README.md has the notation. This is not a language: no loops, no
//! conditions; a test that needs them is written in Rust.

use crate::cli;
use crate::client::Client;
use crate::pattern::{lines_match, substitute};
use crate::server::Server;
use crate::value::{Protocol, Value};
use crate::words::split_line;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What happens at the lines `! restart` of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// Nothing: the server is as fresh as its first command.
    Fresh,
    /// The server restarts, and has its data from the append-only file.
    AfterAof,
    /// The server restarts, and has its data from the snapshot that it wrote when it stopped.
    AfterRdb,
}

impl Run {
    fn args(self) -> &'static [&'static str] {
        match self {
            Run::Fresh => &[],
            Run::AfterAof => &["--appendonly", "yes"],
            Run::AfterRdb => &["--save", "3600 1"],
        }
    }
}

/// One thing that a transcript does.
#[derive(Debug)]
enum Action {
    /// Send a command and compare its reply. The reply's order counts if `sort` is 0; otherwise that many elements
    /// belong together and are sorted first.
    Command { client: String, line: String, sort: usize },
    /// Compare what the client gets without having asked.
    Receive { client: String },
    /// The server must close the connection.
    ExpectClosed { client: String },
    /// Close a connection.
    Close { client: String },
    /// Let time pass.
    Sleep(Duration),
    /// See [`Run`].
    Restart,
}

#[derive(Debug)]
struct Step {
    line_number: usize,
    action: Action,
    expected: Vec<String>,
}

/// A transcript, read but not run.
#[derive(Debug)]
pub struct Transcript {
    path: PathBuf,
    server_args: Vec<String>,
    steps: Vec<Step>,
}

impl Transcript {
    /// Read a file.
    #[track_caller]
    pub fn load(path: &Path) -> Transcript {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
        let mut transcript = Transcript { path: path.to_owned(), server_args: Vec::new(), steps: Vec::new() };
        for (index, line) in text.lines().enumerate() {
            if let Err(why) = transcript.take_line(index + 1, line) {
                panic!("{}:{}: {why}", path.display(), index + 1);
            }
        }
        transcript
    }

    fn take_line(&mut self, line_number: usize, line: &str) -> Result<(), String> {
        if line.starts_with('#') || line.trim().is_empty() {
            return Ok(());
        }
        if let Some(args) = line.strip_prefix("server:") {
            if !self.steps.is_empty() {
                return Err("the server's arguments come before the first command".into());
            }
            let args = split_line(args).ok_or("quotes do not match")?;
            self.server_args.extend(args.iter().map(|a| String::from_utf8_lossy(a).into_owned()));
            return Ok(());
        }
        if let Some(action) = parse_action(line)? {
            self.steps.push(Step { line_number, action, expected: Vec::new() });
            return Ok(());
        }
        match self.steps.last_mut() {
            Some(step) => step.expected.push(line.to_owned()),
            None => return Err("a reply without a command".into()),
        }
        Ok(())
    }

    /// The arguments that the transcript wants its server to have.
    pub fn server_args(&self) -> Vec<&str> {
        self.server_args.iter().map(String::as_str).collect()
    }

    /// Run it against a server of its own.
    #[track_caller]
    pub fn run(&self, protocol: Protocol, run: Run) {
        let mut args = self.server_args();
        args.extend(run.args());
        self.run_on(&mut Server::start(&args), protocol, run, &[]);
    }

    /// Run it against this server, with values for some of its `$variables`.
    #[track_caller]
    pub fn run_on(&self, server: &mut Server, protocol: Protocol, run: Run, variables: &[(&str, &str)]) {
        let mut session = Session::new(server, protocol, run);
        session.variables.extend(variables.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        for step in &self.steps {
            let got = session.perform(step).unwrap_or_else(|why| {
                panic!("{}:{} in {protocol:?}, {run:?}: {why}", self.path.display(), step.line_number)
            });
            let Some(got) = got else { continue };
            let expected = expected_for(&step.expected, protocol);
            if !lines_match(&expected, &got, &mut session.variables) {
                panic!(
                    "{}:{} in {protocol:?}, {run:?}: {:?}\n--- expected:\n{}\n--- got:\n{}\n---",
                    self.path.display(),
                    step.line_number,
                    step.action,
                    expected.join("\n"),
                    got.join("\n")
                );
            }
        }
    }

    /// Run it command by command through the real redis-cli, as a person would. For transcripts with one client.
    #[track_caller]
    pub fn run_through_redis_cli(&self, server: &mut Server, protocol: Protocol, variables: &[(&str, &str)]) {
        let mut known: HashMap<String, String> =
            variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let mut flags = vec!["--no-raw"];
        if protocol == Protocol::Resp3 {
            flags.push("-3");
        }
        // One redis-cli for all, so that a transaction is one.
        let mut input = String::new();
        let mut commands = Vec::new();
        for step in &self.steps {
            let Action::Command { line, sort: 0, .. } = &step.action else {
                panic!("{}:{}: redis-cli cannot do that", self.path.display(), step.line_number);
            };
            let mark = format!("end of line {}", step.line_number);
            input.push_str(&format!("{}\n", substitute(line, &known)));
            // A transaction would queue the mark.
            let in_transaction = in_transaction(&commands, line);
            if !in_transaction {
                input.push_str(&format!("ECHO \"{mark}\"\n"));
            }
            commands.push((step, line, (!in_transaction).then_some(mark)));
        }
        let printed = cli::cli_with_input(server, &flags, input.as_bytes());
        let mut lines = printed.lines();
        let mut expected: Vec<String> = Vec::new();
        for (step, line, mark) in commands {
            expected.extend(expected_for(&step.expected, protocol));
            let Some(mark) = mark else { continue };
            let mark = format!("\"{mark}\"");
            // redis-cli prints an empty line after an error when it reads from a pipe, and the time of what was slow.
            let got: Vec<String> = lines
                .by_ref()
                .take_while(|l| *l != mark)
                .filter(|l| !cli::is_decoration(l))
                .map(ToOwned::to_owned)
                .collect();
            if !lines_match(&expected, &got, &mut known) {
                panic!(
                    "{}:{} through redis-cli in {protocol:?}: {line}\n--- expected:\n{}\n--- got:\n{}\n---",
                    self.path.display(),
                    step.line_number,
                    expected.join("\n"),
                    got.join("\n")
                );
            }
            expected.clear();
        }
    }

    /// Write the file anew with the replies that this server gives where the file has none yet. For those who
    /// write transcripts: the replies are still to be read and thought about.
    pub fn fill(&self, server: &mut Server) -> std::io::Result<()> {
        let mut session = Session::new(server, Protocol::Resp3, Run::Fresh);
        let mut replies: HashMap<usize, Vec<String>> = HashMap::new();
        for step in &self.steps {
            let got = session
                .perform(step)
                .unwrap_or_else(|why| panic!("{}:{}: {why}", self.path.display(), step.line_number));
            let Some(got) = got else { continue };
            if step.expected.is_empty() {
                replies.insert(step.line_number, got);
            } else {
                lines_match(&expected_for(&step.expected, Protocol::Resp3), &got, &mut session.variables);
            }
        }
        let mut out = String::new();
        for (index, line) in std::fs::read_to_string(&self.path)?.lines().enumerate() {
            out.push_str(line);
            out.push('\n');
            for reply in replies.remove(&(index + 1)).unwrap_or_default() {
                out.push_str(&reply);
                out.push('\n');
            }
        }
        std::fs::write(&self.path, out)
    }
}

/// Whether a transaction is open after this line, which follows these.
fn in_transaction(before: &[(&Step, &String, Option<String>)], line: &str) -> bool {
    match line.to_ascii_uppercase().as_str() {
        "MULTI" => true,
        "EXEC" | "DISCARD" => false,
        _ => before.last().is_some_and(|(.., mark)| mark.is_none()),
    }
}

fn parse_action(line: &str) -> Result<Option<Action>, String> {
    if let Some(order) = line.strip_prefix("! ") {
        let mut words = order.split_whitespace();
        let (verb, argument) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let client = argument.to_owned();
        return Ok(Some(match verb {
            "sleep" => {
                let ms = argument.parse().map_err(|_| "sleep wants milliseconds")?;
                Action::Sleep(Duration::from_millis(ms))
            }
            "close" => Action::Close { client },
            "closed" => Action::ExpectClosed { client },
            "restart" => Action::Restart,
            _ => return Err(format!("unknown order {verb:?}")),
        }));
    }
    let (client, rest) = match line.strip_prefix('[').and_then(|l| l.split_once(']')) {
        Some((name, rest)) if rest.starts_with(['>', '<']) => (name.to_owned(), rest),
        _ => ("1".to_owned(), line),
    };
    if rest == "<" {
        return Ok(Some(Action::Receive { client }));
    }
    for (mark, sort) in [("> ", 0), (">~ ", 1), (">~2 ", 2)] {
        if let Some(line) = rest.strip_prefix(mark) {
            return Ok(Some(Action::Command { client, line: line.to_owned(), sort }));
        }
    }
    Ok(None)
}

struct Session<'a> {
    server: &'a mut Server,
    protocol: Protocol,
    run: Run,
    clients: BTreeMap<String, Client>,
    variables: HashMap<String, String>,
}

impl<'a> Session<'a> {
    fn new(server: &'a mut Server, protocol: Protocol, run: Run) -> Session<'a> {
        let mut variables = HashMap::new();
        variables.insert("port".to_owned(), server.port_text());
        variables.insert("dir".to_owned(), server.dir().display().to_string());
        Session { server, protocol, run, clients: BTreeMap::new(), variables }
    }

    fn client(&mut self, name: &str) -> &mut Client {
        let (server, protocol) = (&self.server, self.protocol);
        self.clients.entry(name.to_owned()).or_insert_with(|| server.client_speaking(protocol))
    }

    /// Do it; the lines that it printed, if it prints any.
    fn perform(&mut self, step: &Step) -> Result<Option<Vec<String>>, String> {
        let value = match &step.action {
            Action::Sleep(time) => {
                std::thread::sleep(*time);
                return Ok(None);
            }
            Action::Restart => {
                if self.run != Run::Fresh {
                    self.clients.clear();
                    self.server.restart();
                }
                return Ok(None);
            }
            Action::Close { client } => {
                self.clients.remove(client).ok_or("there is no such client")?;
                return Ok(None);
            }
            Action::ExpectClosed { client } => {
                let mut client = self.clients.remove(client).ok_or("there is no such client")?;
                client.expect_closed();
                return Ok(None);
            }
            Action::Receive { client } => self.client(client).try_read().map_err(|e| e.to_string())?,
            Action::Command { client, line, sort } => {
                let line = substitute(line, &self.variables);
                let args = split_line(&line).ok_or("quotes do not match")?;
                let client = self.client(client);
                client.send(&args);
                // A subscription is acknowledged by a push, which is then the reply.
                let reply = if is_subscription(&args) { client.try_read() } else { client.try_reply() };
                follow_protocol(client, &args);
                sorted(reply.map_err(|e| e.to_string())?, *sort)
            }
        };
        Ok(Some(value.cli().lines().map(|line| line.trim_end_matches('\r').to_owned()).collect()))
    }
}

/// A map's pairs belong together in any case; in RESP2 they come as a flat array.
fn sorted(value: Value, sort: usize) -> Value {
    if sort == 0 { value } else { value.sorted(sort) }
}

fn is_subscription(args: &[Vec<u8>]) -> bool {
    args.first().is_some_and(|name| name.to_ascii_lowercase().ends_with(b"subscribe"))
}

/// RESET goes back to RESP2, for the tests' client too.
fn follow_protocol(client: &mut Client, args: &[Vec<u8>]) {
    if args.first().is_some_and(|name| name.eq_ignore_ascii_case(b"reset")) {
        client.set_protocol(Protocol::Resp2);
    }
}

/// The lines that count for a protocol, in its form.
fn expected_for(lines: &[String], protocol: Protocol) -> Vec<String> {
    let marked = lines.iter().any(|line| line.starts_with("2| ") || line.starts_with("3| "));
    let own = match protocol {
        Protocol::Resp2 => "2| ",
        Protocol::Resp3 => "3| ",
    };
    if marked {
        let other =
            |line: &&String| !line.starts_with("2| ") && !line.starts_with("3| ") || line.starts_with(own);
        return lines.iter().filter(other).map(|l| l.strip_prefix(own).unwrap_or(l).to_owned()).collect();
    }
    match protocol {
        Protocol::Resp3 => lines.to_vec(),
        Protocol::Resp2 => as_resp2(lines),
    }
}

/// The RESP2 form of a reply that is written in RESP3: sets and pushes are arrays, a map at the top is a flat
/// array, doubles and big numbers are strings, booleans are integers.
fn as_resp2(lines: &[String]) -> Vec<String> {
    let pairs = lines.iter().filter(|line| split_pair(line).is_some()).count();
    let width = (2 * pairs).to_string().len();
    let mut out = Vec::new();
    for line in lines {
        match split_pair(line) {
            Some((n, key, value)) => {
                out.push(format!("{:width$}) {}", 2 * n - 1, scalar_as_resp2(key)));
                out.push(format!("{:width$}) {}", 2 * n, scalar_as_resp2(value)));
            }
            None => out.push(scalar_as_resp2(line)),
        }
    }
    out
}

/// `1# "a" => "b"` in its three parts.
fn split_pair(line: &str) -> Option<(usize, &str, &str)> {
    let (number, rest) = line.split_once("# ")?;
    let number = number.trim_start().parse().ok()?;
    let (key, value) = rest.split_once(" => ")?;
    Some((number, key, value))
}

fn scalar_as_resp2(text: &str) -> String {
    // Skip the markers of nested elements: `1> 2~ `.
    let mut marked = String::new();
    let mut rest = text;
    while let Some(end) = marker(rest) {
        marked.push_str(&rest[..end - 2]);
        marked.push_str(") ");
        rest = &rest[end..];
    }
    let scalar = match rest {
        "(empty hash)" | "(empty set)" | "(empty push)" => "(empty array)".to_owned(),
        "(true)" => "(integer) 1".to_owned(),
        "(false)" => "(integer) 0".to_owned(),
        _ => match rest.strip_prefix("(double) ").or_else(|| rest.strip_prefix("(big number) ")) {
            Some(digits) => format!("\"{digits}\""),
            None => rest.to_owned(),
        },
    };
    marked + &scalar
}

/// The length of `  1) ` or its like at the front of a text.
fn marker(text: &str) -> Option<usize> {
    let spaces = text.len() - text.trim_start_matches(' ').len();
    let digits = text[spaces..].bytes().take_while(u8::is_ascii_digit).count();
    let rest = &text[spaces + digits..];
    let marked = digits > 0 && [") ", "~ ", "> "].iter().any(|mark| rest.starts_with(mark));
    marked.then_some(spaces + digits + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn resp2_follows_from_resp3() {
        let map = owned(&["1# \"a\" => (double) 1.5", "2# \"b\" => (empty set)"]);
        assert_eq!(as_resp2(&map), owned(&["1) \"a\"", "2) \"1.5\"", "3) \"b\"", "4) (empty array)"]));
        assert_eq!(
            as_resp2(&owned(&["1> \"message\"", "2> (true)"])),
            owned(&["1) \"message\"", "2) (integer) 1"])
        );
    }
}
