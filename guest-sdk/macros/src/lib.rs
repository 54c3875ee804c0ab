//! The macros of the `sandkey` crate. They read signatures, tables and structs and write constants and calls; whatever has
//! behaviour is an ordinary function of that crate. Users see them through `sandkey`.

use proc_macro::TokenStream;

mod command;
mod data_type;
mod module;

/// Makes a command of a function.
///
/// ```text
/// /// The first line is the summary in COMMAND DOCS.
/// #[command("shop.buy", write, fast, denyoom)]
/// fn buy(ctx: &Context, basket: Key, item: &str, count: Option<u32>) -> Result<i64> { ... }
/// ```
///
/// After the name come, in any order:
///
/// * flags: `write`, `readonly`, `denyoom`, `admin`, `fast`, `loading`, `stale`, `noscript`, `no_multi`, `skip_monitor`,
///   `skip_slowlog`, `all_keys`, `finds_keys`;
/// * `complexity = "O(1)"`, `since = "2"`;
/// * `acl("dangerous", ...)`: ACL categories beside those that follow from the flags;
/// * `options(EX = integer, NX)`: for COMMAND DOCS, the options that the function reads from `Args`: a word
///   with a value of a kind (`string`, `integer`, `double`), or a word alone;
/// * `keys(1, -1, 1, update)` and `keys(count = 1, first = 2, step = 1, read)`: a key spec for keys that the function reads
///   from `Args`; the last word is `read`, `update`, `overwrite` or `remove`.
///
/// `finds_keys` is for a command that learns from what it reads which other keys it needs. When it opens one that was not declared,
/// `ctx.open` answers `Error::UndeclaredKey`; the command returns that error, and the server undoes it and runs it
/// again, unseen, with that key locked and its value in memory. Every such error costs one more run, so open all the keys that are
/// known to be needed before returning it.
///
/// The first parameter is the context; each of the others is one or several arguments, as its type says. On a parameter
/// that is a key, `#[access(overwrite)]` says more precisely what happens to it.
#[proc_macro_attribute]
pub fn command(attribute: TokenStream, item: TokenStream) -> TokenStream {
    command::expand(attribute.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// The table of a module: once in a crate, at the end of its lib.rs.
///
/// ```text
/// module! {
///     name: "shop",
///     version: 1,
///     commands: [buy, sell, admin::audit],
///
///     // These may be left out.
///     summary: "Baskets and orders.",
///     types: [Basket, Order],
///     state: values,
///     configs: [LIMIT, CURRENCY],
///     calls: ["publish"],
///     capabilities: [],
///     init: start,
/// }
/// ```
///
/// `commands` are functions with `#[command]`; `types` are types that implement `DataType`; `configs` are statics of type `Config`; `init` is a
/// `fn(Args) -> Result<()>` that gets the arguments of MODULE LOAD.
///
/// `state` says what the module keeps in its own memory between commands. `none`: nothing, so there are as many instances as the
/// server likes. `global`: anything, so there is one. `values`: its objects and what can be made again from them. It is `values` for a
/// module with `types`, and else `none`, if the table does not say.
#[proc_macro]
pub fn module(input: TokenStream) -> TokenStream {
    module::expand(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a data type of a struct: its fields are saved and loaded in order.
///
/// ```text
/// #[derive(Default, DataType)]
/// #[data_type(name = "peak-cntr", encver = 2)]
/// struct Peak {
///     now: i64,
///     max: i64,
///     #[data_type(since = 2)]
///     when: Option<u64>,
/// }
/// ```
///
/// `name` is what TYPE answers and `encver` the version of the saved form. A field may be whatever is a `Field`.
///
/// When a field is added, `encver` is counted up and the field says `since`: values of earlier versions then get the
/// field's default. A version that has no field with its `since` changed in some other way, so what is older is refused; write
/// `load` by hand for that.
#[proc_macro_derive(DataType, attributes(data_type))]
pub fn data_type(input: TokenStream) -> TokenStream {
    data_type::expand_data_type(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a field of a struct or an enum, for values and other fields to be made of.
///
/// A struct is its fields in order. An enum is a number and then the fields of the variant; variants are numbered as Rust
/// numbers them, from 0 or from what stands behind `=`, so add new ones at the end.
#[proc_macro_derive(Field, attributes(data_type))]
pub fn field(input: TokenStream) -> TokenStream {
    data_type::expand_field(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
