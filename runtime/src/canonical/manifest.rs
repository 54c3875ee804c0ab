//! The manifest, read out of a guest's memory into the types that are generated from `wit/`: a record for each record there, with
//! its fields in the order that they have there. A test compares both with `wit/`.

use wasmtime::Result;

use super::load::{Load, Memory, unknown_case};
use super::{Layout, align_to, max, payload_offset};
use crate::bindings::sandkey::module::manifest as wire;

macro_rules! records {
    ($($record:ident { $($field:ident: $ty:ty,)* })*) => {
        $(
            impl Layout for wire::$record {
                const ALIGN: usize = { let mut align = 1; $(align = max(align, <$ty>::ALIGN);)* align };
                const SIZE: usize = {
                    let mut size = 0;
                    $(size = align_to(size, <$ty>::ALIGN) + <$ty>::SIZE;)*
                    align_to(size, Self::ALIGN)
                };
            }

            impl Load for wire::$record {
                fn load(from: &mut Memory<'_>, at: usize) -> Result<Self> {
                    let mut next = at;
                    $(
                        let place = align_to(next, <$ty>::ALIGN);
                        let $field = <$ty>::load(from, place)?;
                        next = place + <$ty>::SIZE;
                    )*
                    let _ = next;
                    Ok(Self { $($field),* })
                }
            }
        )*

        /// For the test: each record with its fields.
        #[cfg(test)]
        const RECORDS: &[(&str, &[&str])] = &[$((stringify!($record), &[$(stringify!($field)),*])),*];
    };
}

records! {
    Manifest {
        name: String, version: u32, summary: String, state: wire::State, commands: Vec<wire::Command>,
        configs: Vec<wire::Config>, data_types: Vec<wire::DataType>, events: Vec<String>, calls: Vec<String>,
        capabilities: Vec<String>,
    }
    Command {
        name: String, arity: i32, flags: wire::CommandFlags, key_specs: Vec<wire::KeySpec>,
        acl_categories: Vec<String>, docs: wire::CommandDocs,
    }
    KeySpec { access: wire::KeyAccess, find: wire::FindKeys, }
    KeyRange { first: u32, last: i32, step: u32, }
    KeyCount { count: u32, first: u32, step: u32, }
    CommandDocs { summary: String, complexity: String, since: String, arguments: Vec<wire::CommandArgument>, }
    CommandArgument {
        name: String, kind: wire::ArgumentKind, token: String, optional: bool, multiple: bool,
    }
    Config { name: String, kind: wire::ConfigKind, immutable: bool, sensitive: bool, }
    IntegerConfig { default: i64, min: i64, max: i64, memory: bool, }
    EnumConfig { default: String, values: Vec<String>, }
    DataType { name: String, encver: u32, }
}

macro_rules! enums {
    ($($name:ident { $($case:ident)* })*) => {
        $(
            impl Layout for wire::$name {
                const SIZE: usize = 1;
                const ALIGN: usize = 1;
            }

            impl Load for wire::$name {
                fn load(from: &mut Memory<'_>, at: usize) -> Result<Self> {
                    const CASES: &[wire::$name] = &[$(wire::$name::$case),*];
                    let case = from.byte(at)?;
                    CASES.get(usize::from(case)).copied().ok_or_else(|| unknown_case(case))
                }
            }
        )*

        /// For the test: each enum with its cases.
        #[cfg(test)]
        const ENUMS: &[(&str, &[&str])] = &[$((stringify!($name), &[$(stringify!($case)),*])),*];
    };
}

enums! {
    State { None Global Values }
    KeyAccess { Read Update Overwrite Remove }
    ArgumentKind { String Integer Double Key Pattern UnixTime Token }
}

macro_rules! variants {
    ($($name:ident { $($number:literal $case:ident($ty:ty))* })*) => {
        $(
            impl Layout for wire::$name {
                const ALIGN: usize = { let mut align = 1; $(align = max(align, <$ty>::ALIGN);)* align };
                const SIZE: usize = {
                    let mut size = 0;
                    $(size = max(size, <$ty>::SIZE);)*
                    align_to(payload_offset(Self::ALIGN) + size, Self::ALIGN)
                };
            }

            impl Load for wire::$name {
                fn load(from: &mut Memory<'_>, at: usize) -> Result<Self> {
                    let payload = at + payload_offset(Self::ALIGN);
                    match from.byte(at)? {
                        $($number => <$ty>::load(from, payload).map(Self::$case),)*
                        case => Err(unknown_case(case)),
                    }
                }
            }
        )*

        /// For the test: each variant with its cases.
        #[cfg(test)]
        const VARIANTS: &[(&str, &[&str])] = &[$((stringify!($name), &[$(stringify!($case)),*])),*];
    };
}

variants! {
    FindKeys { 0 Range(wire::KeyRange) 1 Count(wire::KeyCount) }
    ConfigKind { 0 Boolean(bool) 1 Integer(wire::IntegerConfig) 2 Enum(wire::EnumConfig) 3 String(String) }
}

impl Layout for wire::CommandFlags {
    const SIZE: usize = 2;
    const ALIGN: usize = 2;
}

/// In the order of `wit/`, the first the lowest bit.
const COMMAND_FLAGS: [(&str, wire::CommandFlags); 13] = {
    use wire::CommandFlags as Flags;
    [
        ("write", Flags::WRITE),
        ("readonly", Flags::READONLY),
        ("denyoom", Flags::DENYOOM),
        ("admin", Flags::ADMIN),
        ("fast", Flags::FAST),
        ("loading", Flags::LOADING),
        ("stale", Flags::STALE),
        ("noscript", Flags::NOSCRIPT),
        ("no-multi", Flags::NO_MULTI),
        ("skip-monitor", Flags::SKIP_MONITOR),
        ("skip-slowlog", Flags::SKIP_SLOWLOG),
        ("all-keys", Flags::ALL_KEYS),
        ("finds-keys", Flags::FINDS_KEYS),
    ]
};

impl Load for wire::CommandFlags {
    /// Bits beyond the last flag mean nothing.
    fn load(from: &mut Memory<'_>, at: usize) -> Result<Self> {
        let bits = u16::load(from, at)?;
        let mut flags = Self::empty();
        for (bit, (_, flag)) in COMMAND_FLAGS.into_iter().enumerate() {
            if bits >> bit & 1 != 0 {
                flags |= flag;
            }
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    use wit_parser::{Resolve, SizeAlign, TypeDefKind};

    use super::*;

    fn contract() -> Resolve {
        let mut resolve = Resolve::default();
        resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")).expect("wit/ is well-formed");
        resolve
    }

    /// `CommandDocs`, and `data_types`, as `wit/` spells them.
    fn kebab(name: &str) -> String {
        let mut spelled = String::new();
        for c in name.chars() {
            if c.is_ascii_uppercase() && !spelled.is_empty() {
                spelled.push('-');
            }
            spelled.push(if c == '_' { '-' } else { c.to_ascii_lowercase() });
        }
        spelled
    }

    fn kind<'r>(resolve: &'r Resolve, name: &str) -> &'r TypeDefKind {
        let named = |found: &&wit_parser::TypeDef| found.name.as_deref() == Some(&kebab(name));
        &resolve.types.iter().map(|(_, found)| found).find(named).expect("wit/ has the type").kind
    }

    #[test]
    fn fields_and_cases_stand_in_the_order_of_the_contract() {
        let resolve = contract();
        for (name, fields) in RECORDS {
            let TypeDefKind::Record(record) = kind(&resolve, name) else { panic!("{name} is no record") };
            let there: Vec<&str> = record.fields.iter().map(|field| field.name.as_str()).collect();
            assert_eq!(there, fields.iter().map(|field| kebab(field)).collect::<Vec<_>>(), "{name}");
        }
        for (name, cases) in ENUMS {
            let TypeDefKind::Enum(found) = kind(&resolve, name) else { panic!("{name} is no enum") };
            let there: Vec<&str> = found.cases.iter().map(|case| case.name.as_str()).collect();
            assert_eq!(there, cases.iter().map(|case| kebab(case)).collect::<Vec<_>>(), "{name}");
        }
        for (name, cases) in VARIANTS {
            let TypeDefKind::Variant(found) = kind(&resolve, name) else { panic!("{name} is no variant") };
            let there: Vec<&str> = found.cases.iter().map(|case| case.name.as_str()).collect();
            assert_eq!(there, cases.iter().map(|case| kebab(case)).collect::<Vec<_>>(), "{name}");
        }
        let TypeDefKind::Flags(flags) = kind(&resolve, "CommandFlags") else { panic!("they are flags") };
        let there: Vec<&str> = flags.flags.iter().map(|flag| flag.name.as_str()).collect();
        assert_eq!(there, COMMAND_FLAGS.map(|(name, _)| name));
    }

    #[test]
    fn sizes_are_those_of_the_specification() {
        let resolve = contract();
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        let check = |name: &str, size: usize, align: usize| {
            let named = |(_, found): &(_, &wit_parser::TypeDef)| found.name.as_deref() == Some(name);
            let (id, _) = resolve.types.iter().find(named).expect("wit/ has the type");
            let ty = wit_parser::Type::Id(id);
            assert_eq!(
                (sizes.size(&ty).size_wasm32(), sizes.align(&ty).align_wasm32()),
                (size, align),
                "{name}"
            );
        };
        macro_rules! check {
            ($($ty:ident)*) => { $(check(&kebab(stringify!($ty)), wire::$ty::SIZE, wire::$ty::ALIGN);)* };
        }
        check! {
            Manifest Command KeySpec KeyRange KeyCount CommandDocs CommandArgument Config IntegerConfig EnumConfig
            DataType State KeyAccess ArgumentKind FindKeys ConfigKind CommandFlags
        }
    }
}
