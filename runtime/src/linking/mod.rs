//! How the functions that a module imports are defined: once each, for both ways into a module.
//!
//! A definition gives a name, the shapes of the parameters and of the answer, and a closure that asks the [`Host`] and sees
//! bytes of the guest as slices of its memory:
//!
//! ```text
//! on.refusable::<(u32, Bytes), bool>("exists", |c, (key, field)| c.host.hash_exists(key, field))
//! ```
//!
//! [`component`] defines it on wasmtime's linker of components, [`core`] on the one of core modules by the canonical ABI. What a
//! call costs, and when it is allowed, is the same in both.
//!
//! [`Host`]: crate::host::Host

mod answers;
mod component;
mod core;
mod params;
mod streams;

pub(crate) use answers::{
    Answer, Bools, Client, KeyPage, MaybeDoubles, MemberPage, PairPage, Scalar, ScoredMembers, Values,
};
pub(crate) use params::{Doubles, Params};
pub(crate) use streams::EntryPage;

use crate::contract::Error;
use crate::guest::{Context, Phase};
use crate::host::{HostFault, HostResult, Refusal};

/// `list<u8>`, as a parameter and as an answer.
pub(crate) struct Bytes;

/// `string`, likewise.
pub(crate) struct Text;

/// `types.argv`, likewise.
pub(crate) struct Strings;

/// A list of ids of entries.
pub(crate) struct EntryIds;

/// How many keys or fields a step of a walk looks at, at most: each of them is paid for, whether or not it is among the answer.
pub(crate) struct Count;

/// A linker on which the interfaces of the contract can be defined.
pub(crate) trait Linking {
    type Interface<'l>: Interface
    where
        Self: 'l;

    /// The interface with this name, to be filled.
    fn interface(&mut self, name: &str) -> wasmtime::Result<Self::Interface<'_>>;
}

/// One interface of the contract, whose functions are being defined.
pub(crate) trait Interface {
    /// A function of commands that can refuse: `result<answer, error>`.
    fn refusable<P: Params, A: Answer>(
        &mut self,
        name: &str,
        f: impl for<'h, 'm> Fn(Context<'h>, P::In<'m>) -> HostResult<A::Of<'h>> + Send + Sync + 'static,
    ) -> wasmtime::Result<()> {
        self.sure::<P, Result<A, Error>>(name, move |context, params| match f(context, params) {
            Ok(answer) => Ok(Ok(answer)),
            Err(Refusal::Error(error)) => Ok(Err(error)),
            Err(Refusal::Fault(fault)) => Err(fault),
        })
    }

    /// A function of commands that cannot refuse, only fault, and whose answer is more than one number.
    fn sure<P: Params, A: Answer>(
        &mut self,
        name: &str,
        f: impl for<'h, 'm> Fn(Context<'h>, P::In<'m>) -> Result<A::Of<'h>, HostFault> + Send + Sync + 'static,
    ) -> wasmtime::Result<()>;

    /// A function that cannot refuse and whose answer is one number or none, open from a phase on.
    fn scalar<P: Params, S: Scalar>(
        &mut self,
        name: &str,
        from: Phase,
        f: impl for<'h, 'm> Fn(Context<'h>, P::In<'m>) -> Result<S::Of, HostFault> + Send + Sync + 'static,
    ) -> wasmtime::Result<()>;
}

/// The numbers of cases and of flags, which the two files below write down, are those of the contract.
#[cfg(test)]
mod tests {
    use wit_parser::{Resolve, TypeDefKind};

    use crate::canonical::{Arguments, Memory};
    use crate::host::{ContextFlags, End, LogLevel, Mode, Side, ValueType};
    use crate::linking::answers::Scalar;
    use crate::linking::params::Param;

    /// The cases of a type in `wit/`, or its flags, without their hyphens.
    fn cases(name: &str) -> Vec<String> {
        let mut resolve = Resolve::default();
        resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")).expect("wit/ is well-formed");
        let named = |found: &&wit_parser::TypeDef| found.name.as_deref() == Some(name);
        let found = resolve.types.iter().map(|(_, found)| found).find(named).expect("wit/ has the type");
        let names: Vec<&str> = match &found.kind {
            TypeDefKind::Enum(kind) => kind.cases.iter().map(|case| case.name.as_str()).collect(),
            TypeDefKind::Variant(kind) => kind.cases.iter().map(|case| case.name.as_str()).collect(),
            TypeDefKind::Flags(kind) => kind.flags.iter().map(|flag| flag.name.as_str()).collect(),
            kind => panic!("{name} is {kind:?}"),
        };
        names.into_iter().map(|name| name.replace('-', "")).collect()
    }

    /// A value as `wit/` would name its case.
    fn spelled(value: &impl std::fmt::Debug) -> String {
        format!("{value:?}").split('(').next().unwrap_or_default().to_lowercase()
    }

    fn read<P: for<'m> Param<In<'m> = P>>(number: u32) -> wasmtime::Result<P> {
        P::of_core(&mut Arguments::new(&[wasmtime::ValRaw::u32(number)]), Memory::new(&[], 0))
    }

    #[test]
    fn parameters_have_the_numbers_of_their_cases() {
        for (number, case) in cases("mode").iter().enumerate() {
            assert_eq!(spelled(&read::<Mode>(number as u32).expect("it is a case")), *case);
        }
        for (number, case) in cases("level").iter().enumerate() {
            assert_eq!(spelled(&read::<LogLevel>(number as u32).expect("it is a case")), *case);
        }
        for (number, case) in cases("end").iter().enumerate() {
            assert_eq!(spelled(&read::<End>(number as u32).expect("it is a case")), *case);
        }
        for (number, case) in cases("side").iter().enumerate() {
            assert_eq!(spelled(&read::<Side>(number as u32).expect("it is a case")), *case);
        }
    }

    #[test]
    fn answers_have_the_numbers_of_their_cases() {
        use ValueType as Type;
        let types = [
            Type::None,
            Type::String,
            Type::List,
            Type::Set,
            Type::Zset,
            Type::Hash,
            Type::Stream,
            Type::Module,
        ];
        let names = cases("value-type");
        assert_eq!(types.len(), names.len());
        for kind in types {
            let number = <Type as Scalar>::into_core(kind).get_u32() as usize;
            assert_eq!(spelled(&kind), names[number]);
        }
        let flags = |name: &str| ContextFlags {
            in_multi: name == "inmulti",
            replaying: name == "replaying",
            out_of_memory: name == "outofmemory",
            called: name == "called",
        };
        for (bit, name) in cases("context-flags").iter().enumerate() {
            assert_eq!(<ContextFlags as Scalar>::into_core(flags(name)).get_u32(), 1 << bit, "{name}");
        }
    }

    #[test]
    fn errors_have_the_numbers_of_their_cases() {
        // With an empty text behind the case, for the one that carries one.
        let lifted = |case: usize| {
            let mut bytes = [0; 12];
            bytes[0] = case as u8;
            crate::entry::core::lift_error(&mut Memory::new(&bytes, 100), 0)
        };
        let names = cases("error");
        for (number, name) in names.iter().enumerate() {
            let error = lifted(number).expect("it is a case");
            assert_eq!((&spelled(&error), usize::from(crate::convert::case(&error))), (name, number));
        }
        assert!(lifted(names.len()).is_err());
    }
}
