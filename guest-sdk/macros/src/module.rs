//! `module!`: one static with the table, and the exports of the contract beside it.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, LitInt, LitStr, Path, Result, Token, Type, bracketed};

pub(crate) fn expand(input: TokenStream) -> Result<TokenStream> {
    Ok(write(&Table::parse.parse2(input)?))
}

struct Table {
    name: LitStr,
    version: LitInt,
    summary: Option<LitStr>,
    state: Ident,
    commands: Vec<Path>,
    types: Vec<Type>,
    configs: Vec<Path>,
    calls: Vec<LitStr>,
    capabilities: Vec<LitStr>,
    init: Option<Expr>,
}

const FIELDS: &str = "name, version, summary, state, commands, types, configs, calls, capabilities, init";

impl Parse for Table {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut name, mut version, mut commands) = (None, None, None);
        let (mut summary, mut init, mut state) = (None, None, None);
        let (mut configs, mut calls, mut capabilities, mut types) = (vec![], vec![], vec![], vec![]);
        let mut seen: Vec<String> = Vec::new();
        while !input.is_empty() {
            let field = input.call(Ident::parse_any)?;
            if seen.iter().any(|name| field == name) {
                return Err(Error::new(field.span(), format!("`{field}` stands here twice")));
            }
            seen.push(field.to_string());
            input.parse::<Token![:]>()?;
            match field.to_string().as_str() {
                "name" => name = Some(module_name(input)?),
                "version" => version = Some(input.parse()?),
                "summary" => summary = Some(input.parse()?),
                "state" => state = Some(module_state(input)?),
                "commands" => commands = Some(list(input)?),
                "types" => types = list(input)?,
                "configs" => configs = list(input)?,
                "calls" => calls = list(input)?,
                "capabilities" => capabilities = list(input)?,
                "init" => init = Some(input.parse()?),
                _ => return Err(Error::new(field.span(), format!("unknown field; there are {FIELDS}"))),
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let missing = |field: &str| Error::new(Span::call_site(), format!("module! needs `{field}`"));
        let commands: Vec<Path> = commands.ok_or_else(|| missing("commands: [...]"))?;
        if commands.is_empty() {
            return Err(Error::new(Span::call_site(), "a module has at least one command"));
        }
        Ok(Self {
            name: name.ok_or_else(|| missing("name: \"...\""))?,
            version: version.ok_or_else(|| missing("version: 1"))?,
            summary,
            state: state_with(state, &types)?,
            commands,
            types,
            configs,
            calls,
            capabilities,
            init,
        })
    }
}

fn list<T: Parse>(input: ParseStream<'_>) -> Result<Vec<T>> {
    let inside;
    bracketed!(inside in input);
    Ok(Punctuated::<T, Token![,]>::parse_terminated(&inside)?.into_iter().collect())
}

fn module_name(input: ParseStream<'_>) -> Result<LitStr> {
    let name: LitStr = input.parse()?;
    let value = name.value();
    let known = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if value.is_empty() || value.len() > 64 || !value.chars().all(known) {
        return Err(Error::new(name.span(), "a module's name is 1 to 64 characters of a-z A-Z 0-9 _ - ."));
    }
    Ok(name)
}

fn module_state(input: ParseStream<'_>) -> Result<Ident> {
    let state = input.call(Ident::parse_any)?;
    let variant = match state.to_string().as_str() {
        "none" => "None",
        "global" => "Global",
        "values" => "Values",
        _ => return Err(Error::new(state.span(), "a module's state is `none`, `values` or `global`")),
    };
    Ok(Ident::new(variant, state.span()))
}

/// What the table says, or what follows from whether there are types.
fn state_with(state: Option<Ident>, types: &[Type]) -> Result<Ident> {
    match state {
        Some(state) if state == "None" && !types.is_empty() => Err(Error::new(
            state.span(),
            "a module with `types` keeps their objects in its memory: its state is `values` or `global`",
        )),
        Some(state) if state == "Values" && types.is_empty() => {
            Err(Error::new(state.span(), "`state: values` is for a module with `types`"))
        }
        Some(state) => Ok(state),
        None => Ok(Ident::new(if types.is_empty() { "None" } else { "Values" }, Span::call_site())),
    }
}

fn write(table: &Table) -> TokenStream {
    let Table { name, version, state, commands, types, configs, calls, capabilities, .. } = table;
    let summary = table.summary.iter();
    let init = match &table.init {
        Some(init) => quote!(::core::option::Option::Some(#init)),
        None => quote!(::core::option::Option::None),
    };
    // A module without parameters must not export `configs`, nor one without types `values`.
    let parameters = (!configs.is_empty()).then(|| {
        quote!(::sandkey::bindings::configurable::export_parameters!(
            Exports with_types_in ::sandkey::bindings::configurable
        );)
    });
    let values = (!types.is_empty()).then(|| {
        quote!(::sandkey::bindings::data::export_values!(
            Exports with_types_in ::sandkey::bindings::data
        );)
    });
    quote! {
        /// Everything that this module is.
        pub static MODULE: ::sandkey::Module = ::sandkey::Module {
            name: #name,
            version: #version,
            summary: concat!(#(#summary)*),
            state: ::sandkey::State::#state,
            commands: &[#(::sandkey::CommandEntry::of::<#commands>()),*],
            types: &[#(::sandkey::TypeEntry::of::<#types>()),*],
            configs: &[#(&#configs),*],
            calls: &[#(#calls),*],
            capabilities: &[#(#capabilities),*],
            init: #init,
        };

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exports;

            impl ::sandkey::HasModule for Exports {
                const MODULE: &'static ::sandkey::Module = &MODULE;
            }

            ::sandkey::bindings::export_module!(Exports with_types_in ::sandkey::bindings);

            #[unsafe(export_name = "sandkey:module/commands@0.1.0#call")]
            unsafe extern "C" fn call(
                command: u32,
                data: *mut u8,
                data_len: usize,
                ends: *mut u32,
                ends_len: usize,
            ) -> *const [u64; 3] {
                // SAFETY: the server calls this by the component model's rules, which promise what is asked for.
                unsafe { ::sandkey::call(&MODULE, command, data, data_len, ends, ends_len) }
            }

            #[unsafe(export_name = "sandkey_argument_space")]
            extern "C" fn argument_space(bytes: usize) -> *mut u8 {
                // SAFETY: the server asks between commands.
                unsafe { ::sandkey::argument_space(bytes) }
            }
            #parameters
            #values
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(table: &str) -> String {
        expand(table.parse().expect("the test's text is Rust")).expect_err("this must not expand").to_string()
    }

    #[test]
    fn tables_that_make_no_sense_are_explained() {
        assert!(refusal("").contains("needs `commands"));
        assert!(refusal("commands: [a]").contains("needs `name"));
        assert!(refusal("name: \"m\", commands: [a]").contains("needs `version"));
        assert!(refusal("name: \"m\", version: 1, commands: []").contains("at least one command"));
        assert!(refusal("name: \"m\", name: \"n\"").contains("stands here twice"));
        assert!(refusal("name: \"a b\"").contains("1 to 64 characters"));
        assert!(refusal("state: local").contains("`none`, `values` or `global`"));
        let rest = "name: \"m\", version: 1, commands: [a]";
        assert!(refusal(&format!("state: none, types: [T], {rest}")).contains("is `values` or `global`"));
        assert!(refusal(&format!("state: values, {rest}")).contains("for a module with `types`"));
        assert!(refusal("colour: 1").contains("unknown field; there are name, version"));
    }
}
