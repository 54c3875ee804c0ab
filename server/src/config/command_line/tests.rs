//! Options as lines.

use super::*;

fn lines(args: &[&str]) -> (String, bool) {
    let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
    let options = Options::read(&args, false);
    (String::from_utf8(options.lines).expect("plain text"), options.stdin)
}

#[test]
fn options_become_lines() {
    for (args, expected) in [
        (&["--port", "1", "--hz", "2"][..], "port \"1\" \nhz \"2\" "),
        (&["--port 1", "--hz 2"], "port 1 \nhz 2 "),
        (&["--port", "--hz", "2"], "port \"--hz\" \"2\" "),
        (&["--save"], "save \"\""),
        (&["--save", "--hz", "2"], "save \"\"\nhz \"2\" "),
        (&["--save", ""], "save \"\" "),
        (&["--loadmodule", "x", "a b", "--hz", "2"], "loadmodule \"x\" \"a b\" \nhz \"2\" "),
        (&[], ""),
    ] {
        assert_eq!(lines(args), (expected.to_owned(), false), "{args:?}");
    }
}

#[test]
fn a_dash_reads_the_standard_input_where_it_is_first_or_last() {
    assert_eq!(lines(&["-"]), (String::new(), true));
    assert_eq!(lines(&["--port", "1", "-"]), ("port \"1\" ".into(), true));
    assert_eq!(lines(&["--port", "-", "--hz", "1"]), ("port \"-\" \nhz \"1\" ".into(), false));
}

#[test]
fn help_and_version_are_known_in_the_first_place_only() {
    let read = |args: &[&str]| {
        let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
        read(&args, Path::new("/"), &mut std::io::empty())
    };
    for arg in ["-h", "--help"] {
        assert!(matches!(read(&[arg]), Ok(Invocation::Help)));
    }
    for arg in ["-v", "--version"] {
        assert!(matches!(read(&[arg]), Ok(Invocation::Version)));
    }
    assert!(read(&["--port", "1", "--help", "x"]).is_err());
    assert!(version().starts_with("Sandkey server v="));
}

#[test]
fn help_names_what_the_server_acts_upon() {
    let text = help();
    assert!(text.contains("  --port (6379)\n") && text.contains("  --loadmodule\n"));
    assert!(text.contains("  --unixsocket (\"\")\n") && !text.contains("--cluster-enabled"));
    assert!(text.lines().all(|line| line.len() <= 160), "lines fit a wide terminal");
}
