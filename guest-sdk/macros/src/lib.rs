//! The two macros of the `sandkey` crate. They read signatures and tables and write constants; whatever has behaviour is
//! an ordinary function of that crate. Users see them through `sandkey::command` and `sandkey::module`.

use proc_macro::TokenStream;

mod command;
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
///   `skip_slowlog`, `all_keys`;
/// * `complexity = "O(1)"`, `since = "2"`;
/// * `acl("dangerous", ...)`: ACL categories beside those that follow from the flags;
/// * `options(EX = integer, NX)`: for COMMAND DOCS, the options that the function reads from `Args`: a word
///   with a value of a kind (`string`, `integer`, `double`), or a word alone;
/// * `keys(1, -1, 1, update)` and `keys(count = 1, first = 2, step = 1, read)`: a key spec for keys that the function reads
///   from `Args`; the last word is `read`, `update`, `overwrite` or `remove`.
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
///     state: global,
///     configs: [LIMIT, CURRENCY],
///     calls: ["publish"],
///     capabilities: [],
///     init: start,
/// }
/// ```
///
/// `commands` are functions with `#[command]`; `configs` are statics of type `Config`; `init` is a
/// `fn(Args) -> Result<()>` that gets the arguments of MODULE LOAD.
#[proc_macro]
pub fn module(input: TokenStream) -> TokenStream {
    module::expand(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
