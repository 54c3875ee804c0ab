//! Reading and changing the configuration of a running server.

use std::sync::atomic::AtomicUsize;

use super::super::params::ParamKind;
use super::super::table::Protection;
use super::*;

const ANYBODY: Caller = Caller { local: false, loading: false };

fn store() -> Arc<ConfigStore> {
    Arc::new(ConfigStore::new(Config::default(), None))
}

fn value(store: &ConfigStore, name: &str) -> String {
    let found = store.get(&[name], Caller { local: true, loading: false });
    found.first().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}

fn refused(store: &ConfigStore, pairs: &[(&str, &str)]) -> String {
    store.set(pairs, ANYBODY).expect_err("it is refused").to_string()
}

fn no_setter() -> Setter {
    Arc::new(|_, _| Ok(()))
}

fn integer(name: &str) -> ParamSpec {
    let kind = ParamKind::Integer { default: 5, min: 0, max: 10, memory: false };
    ParamSpec { name: name.into(), kind, immutable: false, sensitive: false }
}

#[test]
fn a_reader_sees_a_change_and_nothing_before() {
    let store = store();
    let mut reader = ConfigReader::new(Arc::clone(&store));
    let before = Arc::clone(reader.get());
    assert!(Arc::ptr_eq(&before, reader.get()));
    let changed = store.set(&[("Timeout", "7"), ("hz", "900")], ANYBODY).expect("good values");
    assert_eq!(changed.names, ["timeout", "hz"]);
    assert_eq!(changed.generation, store.generation());
    assert_eq!((reader.get().timeout, reader.get().hz, before.timeout), (7, 500, 0));
}

#[test]
fn all_or_nothing() {
    let store = store();
    let generation = store.generation();
    assert!(refused(&store, &[("timeout", "7"), ("hz", "x")]).contains("'hz'"));
    assert_eq!((store.current().timeout, store.generation()), (0, generation));
}

#[test]
fn what_may_not_be_changed() {
    let store = store();
    assert!(refused(&store, &[("databases", "4")]).ends_with("- can't set immutable config"));
    assert!(refused(&store, &[("dir", "/")]).ends_with("- can't set protected config"));
    let loading = Caller { local: true, loading: true };
    assert_eq!(store.set(&[("appendonly", "yes")], loading), Err(ConfigError::Loading));
    assert!(store.set(&[("hz", "11")], loading).is_ok());
}

#[test]
fn protected_directives_open_to_those_who_are_allowed() {
    let config = Config::default();
    let (place, _) = table::lookup(b"enable-protected-configs").expect("known");
    let local = Caller { local: true, loading: false };
    let store = ConfigStore::new(config.with(place, Value::Word(Protection::Local as u32)), None);
    assert!(store.set(&[("dbfilename", "x")], ANYBODY).is_err());
    assert!(store.set(&[("dbfilename", "x")], local).is_ok());
    let store = ConfigStore::new(config.with(place, Value::Word(Protection::Yes as u32)), None);
    assert!(store.set(&[("dir", "/usr")], ANYBODY).is_ok());
    assert_eq!(store.current().in_dir("x"), PathBuf::from("/usr/x"));
}

#[test]
fn a_hook_acts_once_and_before_anybody_sees_the_change() {
    let store = store();
    let calls = Arc::new(AtomicUsize::new(0));
    let (seen, weak) = (Arc::clone(&calls), Arc::downgrade(&store));
    let hook: Hook = Box::new(move |change| {
        seen.fetch_add(1, Ordering::Relaxed);
        let visible = weak.upgrade().map(|store| store.current().port);
        assert_eq!((change.old.port, change.new.port, visible), (6379, 7000, Some(6379)));
        assert!(change.touches("port") && !change.touches("timeout"));
        Ok(())
    });
    store.on_change(&["port", "bind"], hook);
    store.set(&[("hz", "11")], ANYBODY).expect("no hook");
    store.set(&[("port", "6379")], ANYBODY).expect("no change");
    store.set(&[("port", "7000"), ("bind", "::1"), ("hz", "12")], ANYBODY).expect("the hook agrees");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn a_hook_that_refuses_undoes_the_hooks_before_it() {
    let store = store();
    let timeout = Arc::new(AtomicUsize::new(0));
    let set = Arc::clone(&timeout);
    store.on_change(
        &["timeout"],
        Box::new(move |change| {
            set.store(change.new.timeout as usize, Ordering::Relaxed);
            Ok(())
        }),
    );
    store.on_change(&["port"], Box::new(|_| Err("Unable to listen on this port. Check server logs.".into())));
    assert_eq!(
        refused(&store, &[("timeout", "7"), ("port", "1")]),
        "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs."
    );
    assert_eq!((timeout.load(Ordering::Relaxed), store.current().timeout), (0, 0));
    store.set(&[("timeout", "8")], ANYBODY).expect("the other hook agrees");
    assert_eq!(timeout.load(Ordering::Relaxed), 8);
}

#[test]
fn a_file_may_be_set_again_to_read_it_again() {
    let store = store();
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&calls);
    let hook: Hook = Box::new(move |_| {
        seen.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    store.on_change(&["tls-cert-file"], hook);
    for _ in 0..2 {
        store.set(&[("tls-cert-file", "a.pem")], ANYBODY).expect("the hook agrees");
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[test]
fn a_change_within_a_change_is_refused_and_does_not_hang() {
    let store = store();
    let weak = Arc::downgrade(&store);
    let hook: Hook = Box::new(move |_| {
        let inner = weak.upgrade().map(|store| store.set(&[("hz", "20")], ANYBODY));
        assert_eq!(inner, Some(Err(ConfigError::Busy)));
        Ok(())
    });
    store.on_change(&["timeout"], hook);
    store.set(&[("timeout", "1")], ANYBODY).expect("the outer change goes through");
    assert_eq!(store.current().hz, 10);
}

#[test]
fn parameters_of_modules_are_directives() {
    let store = store();
    store.register_module("Peak", vec![integer("limit")], &[], &no_setter()).expect("new names");
    assert_eq!(value(&store, "PEAK.limit"), "5");
    assert_eq!(store.get(&["peak.*"], ANYBODY), [(b"peak.limit".to_vec(), b"5".to_vec())]);
    store.set(&[("peak.LIMIT", "10"), ("hz", "11")], ANYBODY).expect("in bounds");
    assert_eq!(
        refused(&store, &[("hz", "12"), ("peak.limit", "11")]),
        "ERR CONFIG SET failed (possibly related to argument 'peak.limit') - argument must be between 0 and 10 inclusive"
    );
    assert!(refused(&store, &[("peak.other", "1")]).contains("Unknown option"));
    assert!(refused(&store, &[("peak.limit", "1"), ("PEAK.limit", "2")]).ends_with("duplicate parameter"));
    assert_eq!((value(&store, "peak.limit"), store.current().hz), ("10".into(), 11));
    assert_eq!(store.module_values("Peak"), [("limit".to_owned(), ParamValue::Integer(10))]);
    store.unregister_module("Peak").expect("nobody else changes anything");
    assert!(store.get(&["peak.*", "peak.limit"], ANYBODY).is_empty());
}

#[test]
fn a_module_takes_what_it_was_given_or_is_not_registered() {
    let store = store();
    let given = |name: &str, value: &str| [(name.as_bytes().to_vec(), value.as_bytes().to_vec())];
    let register = |given: &[(Vec<u8>, Vec<u8>)]| {
        store.register_module("m", vec![integer("a"), integer("b")], given, &no_setter())
    };
    assert_eq!(register(&given("m.c", "1")), Err(ConfigError::UnknownParam("m.c".into())));
    assert!(register(&given("m.a", "11")).is_err());
    assert!(store.get(&["m.*"], ANYBODY).is_empty());
    register(&[given("M.A", "1"), given("b", "2")].concat()).expect("good values");
    assert_eq!((value(&store, "m.a"), value(&store, "m.b")), ("1".into(), "2".into()));
    assert_eq!(register(&[]), Err(ConfigError::DuplicateParam("m.a".into())));
    let refuses: Setter = Arc::new(|name, _| Err(format!("{name} is not wanted")));
    let error =
        store.register_module("n", vec![integer("a")], &[], &refuses).expect_err("the module refuses");
    assert!(error.to_string().ends_with("a is not wanted"));
    assert!(store.get(&["n.*"], ANYBODY).is_empty());
}

#[test]
fn a_module_that_refuses_leaves_everything_as_it_was() {
    let store = store();
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&told);
    let setter: Setter = Arc::new(move |name, value| {
        log.lock().push(format!("{name}={value:?}"));
        if (name, value) == ("b", &ParamValue::Integer(9)) { Err("not nine".into()) } else { Ok(()) }
    });
    store.register_module("m", vec![integer("a"), integer("b")], &[], &setter).expect("defaults are taken");
    told.lock().clear();
    assert!(refused(&store, &[("m.a", "1"), ("m.b", "9"), ("hz", "20")]).ends_with("'m.b') - not nine"));
    assert_eq!(*told.lock(), ["a=Integer(1)", "b=Integer(9)", "a=Integer(5)"]);
    assert_eq!(
        (value(&store, "m.a"), value(&store, "m.b"), store.current().hz),
        ("5".into(), "5".into(), 10)
    );
    told.lock().clear();
    store.set(&[("m.a", "5"), ("m.b", "6")], ANYBODY).expect("taken");
    assert_eq!(*told.lock(), ["b=Integer(6)"], "what did not change is not told");
}

#[test]
fn immutable_and_sensitive_parameters() {
    let store = store();
    let secret = ParamSpec { sensitive: true, ..integer("secret") };
    let fixed = ParamSpec { immutable: true, ..integer("fixed") };
    store.register_module("m", vec![secret, fixed], &[], &no_setter()).expect("new names");
    assert!(refused(&store, &[("m.fixed", "1")]).ends_with("can't set immutable config"));
    assert_eq!(store.get(&["m.*", "m.secret"], ANYBODY).len(), 1, "the secret is not shown");
    store.set(&[("m.secret", "1")], ANYBODY).expect("it may be set");
    assert_eq!(store.module_values("m").len(), 2);
}

#[test]
fn changes_of_many_threads_all_happen() {
    let store = store();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let store = &store;
            let name = ["timeout", "tcp-keepalive", "slowlog-max-len", "maxmemory-samples"][worker];
            scope.spawn(move || {
                for number in 1..=50 {
                    store.set(&[(name, number.to_string())], ANYBODY).expect("in bounds");
                }
            });
        }
    });
    let config = store.current();
    assert_eq!((config.timeout, config.tcp_keepalive, config.maxmemory_samples), (50, 50, 50));
    assert_eq!(store.generation(), 201);
}
