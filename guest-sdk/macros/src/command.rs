//! `#[command]`: the function stays as it is, and beside it comes an empty type of the same name that implements `Command`.
//! Types and functions have separate names in Rust, so `use` carries both and the table can list the function.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit_mut::VisitMut;
use syn::{Error, FnArg, Ident, ItemFn, LitInt, LitStr, Pat, Result, ReturnType, Token, Type, parenthesized};

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let attribute = Attribute::parse.parse2(attribute)?;
    let mut function: ItemFn =
        syn::parse2(item).map_err(|error| Error::new(error.span(), "#[command] belongs to a function"))?;
    check(&function)?;
    let parameters = parameters(&mut function)?;
    Ok(write(&attribute, &function, &parameters))
}

/// What stands in `#[command(...)]`.
struct Attribute {
    name: LitStr,
    flags: Vec<Ident>,
    complexity: Option<LitStr>,
    since: Option<LitStr>,
    acl: Vec<LitStr>,
    options: Vec<(Ident, Option<Ident>)>,
    keys: Vec<TokenStream>,
}

const FLAGS: [&str; 13] = [
    "write",
    "readonly",
    "denyoom",
    "admin",
    "fast",
    "loading",
    "stale",
    "noscript",
    "no_multi",
    "skip_monitor",
    "skip_slowlog",
    "all_keys",
    "finds_keys",
];

impl Parse for Attribute {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name: LitStr = input.parse().map_err(|error| {
            Error::new(
                error.span(),
                "#[command] begins with the command's name: #[command(\"module.verb\", write)]",
            )
        })?;
        check_name(&name)?;
        let mut attribute = Self {
            name,
            flags: vec![],
            complexity: None,
            since: None,
            acl: vec![],
            options: vec![],
            keys: vec![],
        };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let word = input.call(Ident::parse_any)?;
            match word.to_string().as_str() {
                "complexity" => attribute.complexity = Some(text(input)?),
                "since" => attribute.since = Some(text(input)?),
                "acl" => attribute.acl = list(input)?,
                "options" => attribute.options = options(input)?,
                "keys" => attribute.keys.push(key_spec(input)?),
                flag if FLAGS.contains(&flag) => attribute.flags.push(word),
                _ => {
                    let known = FLAGS.join(", ");
                    let message = format!(
                        "unknown word; flags are {known}; beside them there are complexity, since, acl, options and keys"
                    );
                    return Err(Error::new(word.span(), message));
                }
            }
        }
        let find = |flag: &str| attribute.flags.iter().find(|word| *word == flag);
        match (find("write"), find("readonly")) {
            (Some(_), Some(readonly)) => {
                Err(Error::new(readonly.span(), "a command is `write` or `readonly`, not both"))
            }
            _ => Ok(attribute),
        }
    }
}

fn check_name(name: &LitStr) -> Result<()> {
    let value = name.value();
    let known = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    if value.is_empty() || value.len() > 64 || !value.chars().all(known) {
        return Err(Error::new(name.span(), "a command's name is 1 to 64 characters of a-z A-Z 0-9 _ - . :"));
    }
    Ok(())
}

fn text(input: ParseStream<'_>) -> Result<LitStr> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn list(input: ParseStream<'_>) -> Result<Vec<LitStr>> {
    let inside;
    parenthesized!(inside in input);
    Ok(Punctuated::<LitStr, Token![,]>::parse_terminated(&inside)?.into_iter().collect())
}

fn options(input: ParseStream<'_>) -> Result<Vec<(Ident, Option<Ident>)>> {
    let inside;
    parenthesized!(inside in input);
    let option = |input: ParseStream<'_>| {
        let word = input.call(Ident::parse_any)?;
        if input.parse::<Option<Token![=]>>()?.is_none() {
            return Ok((word, None));
        }
        let kind: Ident = input.parse()?;
        if kind == "string" || kind == "integer" || kind == "double" {
            Ok((word, Some(kind)))
        } else {
            Err(Error::new(kind.span(), "an option's value is a string, an integer or a double"))
        }
    };
    Ok(Punctuated::<_, Token![,]>::parse_terminated_with(&inside, option)?.into_iter().collect())
}

/// `keys(first, last, step, access)` or `keys(count = n, first = n, step = n, access)`.
fn key_spec(input: ParseStream<'_>) -> Result<TokenStream> {
    let inside;
    parenthesized!(inside in input);
    let find = if inside.peek(Ident) {
        let mut values = Vec::new();
        for expected in ["count", "first", "step"] {
            let word: Ident = inside.parse()?;
            if word != expected {
                return Err(Error::new(word.span(), "keys(count = 1, first = 2, step = 1, read)"));
            }
            inside.parse::<Token![=]>()?;
            values.push(inside.parse::<LitInt>()?);
            inside.parse::<Token![,]>()?;
        }
        let [count, first, step] = [&values[0], &values[1], &values[2]];
        quote!(Count { count: #count, first: #first, step: #step })
    } else {
        let first: LitInt = inside.parse()?;
        inside.parse::<Token![,]>()?;
        let minus: Option<Token![-]> = inside.parse()?;
        let last: LitInt = inside.parse()?;
        inside.parse::<Token![,]>()?;
        let step: LitInt = inside.parse()?;
        inside.parse::<Token![,]>()?;
        quote!(Range { first: #first, last: #minus #last, step: #step })
    };
    let access = access(&inside.parse()?)?;
    Ok(quote!(::sandkey::KeySpec { access: #access, find: ::sandkey::FindKeys::#find }))
}

fn access(word: &Ident) -> Result<TokenStream> {
    let variant = match word.to_string().as_str() {
        "read" => "Read",
        "update" => "Update",
        "overwrite" => "Overwrite",
        "remove" => "Remove",
        _ => return Err(Error::new(word.span(), "access to a key is read, update, overwrite or remove")),
    };
    let variant = Ident::new(variant, word.span());
    Ok(quote!(::sandkey::Access::#variant))
}

fn check(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    if let Some(word) = &signature.asyncness {
        return Err(Error::new(word.span(), "a command cannot be async: it runs to its end at once"));
    }
    if let Some(parameter) = signature.generics.type_params().next() {
        return Err(Error::new(parameter.span(), "a command cannot be generic over types"));
    }
    if matches!(signature.output, ReturnType::Default) {
        return Err(Error::new(
            signature.ident.span(),
            "a command returns `Result<...>`, `Result<()>` for a plain OK",
        ));
    }
    Ok(())
}

/// A parameter after the context.
struct Parameter {
    name: String,
    /// Its type with every lifetime left to inference.
    kind: Type,
    access: Option<TokenStream>,
    span: Span,
}

/// Reads the parameters, and takes our attributes off them.
fn parameters(function: &mut ItemFn) -> Result<Vec<Parameter>> {
    let span = function.sig.ident.span();
    let mut inputs = function.sig.inputs.iter_mut();
    match inputs.next() {
        Some(FnArg::Typed(first)) if matches!(*first.ty, Type::Reference(_)) => {}
        Some(FnArg::Receiver(receiver)) => {
            return Err(Error::new(receiver.span(), "a command is a plain function, not a method"));
        }
        _ => return Err(Error::new(span, "a command's first parameter is the context: `ctx: &Context`")),
    }
    inputs.map(parameter).collect()
}

fn parameter(input: &mut FnArg) -> Result<Parameter> {
    let FnArg::Typed(input) = input else {
        return Err(Error::new(input.span(), "a command is a plain function, not a method"));
    };
    // `Arg(colour): Arg<Colour>` has a name too.
    let pattern = match &*input.pat {
        Pat::TupleStruct(pattern) if pattern.elems.len() == 1 => &pattern.elems[0],
        pattern => pattern,
    };
    let name = match pattern {
        Pat::Ident(pattern) => pattern.ident.unraw().to_string(),
        pattern => {
            return Err(Error::new(
                pattern.span(),
                "a parameter needs a name: clients see it in COMMAND DOCS",
            ));
        }
    };
    let mut own_access = None;
    let attributes = std::mem::take(&mut input.attrs);
    for attribute in attributes {
        if attribute.path().is_ident("access") {
            own_access = Some(access(&attribute.parse_args::<Ident>()?)?);
        } else {
            input.attrs.push(attribute);
        }
    }
    let mut kind = (*input.ty).clone();
    Infer.visit_type_mut(&mut kind);
    Ok(Parameter {
        name: name.trim_start_matches('_').to_owned(),
        kind,
        access: own_access,
        span: input.ty.span(),
    })
}

/// The function's own lifetimes mean nothing where we repeat its types.
struct Infer;

impl VisitMut for Infer {
    fn visit_lifetime_mut(&mut self, lifetime: &mut syn::Lifetime) {
        if lifetime.ident != "static" {
            lifetime.ident = Ident::new("_", lifetime.ident.span());
        }
    }
}

fn write(attribute: &Attribute, function: &ItemFn, parameters: &[Parameter]) -> TokenStream {
    let Attribute { name, acl, keys, .. } = attribute;
    let (visibility, ident) = (&function.vis, &function.sig.ident);
    let flags = attribute.flags.iter().map(|flag| {
        let flag = Ident::new(&flag.to_string().to_uppercase(), flag.span());
        quote!(.with(::sandkey::Flags::#flag))
    });
    let summary = summary(function);
    let complexity = attribute.complexity.iter();
    let complexity = quote!(concat!(#(#complexity)*));
    let since = attribute.since.iter();
    let since = quote!(concat!(#(#since)*));
    let count = parameters.len();
    let shapes = parameters.iter().map(|parameter| {
        let kind = &parameter.kind;
        let access = parameter.access.iter();
        quote_spanned!(parameter.span=> <#kind as ::sandkey::Argument<'_>>::SHAPE #(.accessed(#access))*)
    });
    let documents = documents(attribute, parameters);
    let locals: Vec<Ident> = (0..count).map(|i| format_ident!("argument_{i}")).collect();
    let takes = parameters.iter().zip(&locals).map(|(parameter, local)| {
        let kind = &parameter.kind;
        quote_spanned!(parameter.span=> let #local = <#kind as ::sandkey::Argument<'_>>::take(&mut args)?;)
    });
    let output = match &function.sig.output {
        ReturnType::Type(_, kind) => kind.span(),
        ReturnType::Default => ident.span(),
    };
    let finish = quote_spanned!(output=> ::sandkey::expanded::finish(result));
    quote! {
        // The signature is the specification: by value and `Result` are what it asks for.
        #[allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps)]
        #function

        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        #visibility enum #ident {}

        const _: () = {
            const SHAPES: [::sandkey::Shape; #count] = [#(#shapes),*];
            const FLAGS: ::sandkey::Flags = ::sandkey::Flags::NONE #(#flags)*;
            const ARGUMENTS: &[::sandkey::ArgumentDoc] = &[#documents];

            impl ::sandkey::Command for #ident {
                const SPEC: ::sandkey::CommandSpec = ::sandkey::CommandSpec {
                    name: #name,
                    arity: ::sandkey::expanded::arity(&SHAPES),
                    flags: FLAGS,
                    keys: ::sandkey::expanded::key_specs(&SHAPES, FLAGS) #(.with(#keys))*,
                    acl_categories: &[#(#acl),*],
                    summary: #summary,
                    complexity: #complexity,
                    since: #since,
                    arguments: ARGUMENTS,
                };

                #[allow(unused_mut)]
                fn run(ctx: &::sandkey::Context, mut args: ::sandkey::Args<'_>) -> ::sandkey::Result<::sandkey::Reply> {
                    #(#takes)*
                    ::sandkey::expanded::all_taken(&args)?;
                    let result = #ident(ctx, #(#locals),*);
                    #finish
                }
            }
        };
    }
}

/// The lines of COMMAND DOCS. `Args` itself is none: its options stand in the attribute.
fn documents(attribute: &Attribute, parameters: &[Parameter]) -> TokenStream {
    let by_hand = |parameter: &Parameter| matches!(&parameter.kind, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Args"));
    let own =
        parameters.iter().enumerate().filter(|(_, parameter)| !by_hand(parameter)).map(|(i, parameter)| {
            let name = &parameter.name;
            quote!(SHAPES[#i].document(#name),)
        });
    let options = attribute.options.iter().map(|(word, kind)| {
        let (name, token) = (word.to_string().to_lowercase(), word.to_string());
        let kind = match kind.as_ref().map(Ident::to_string).as_deref() {
            Some("integer") => quote!(Integer),
            Some("double") => quote!(Double),
            Some(_) => quote!(String),
            None => quote!(Token),
        };
        quote! {
            ::sandkey::ArgumentDoc {
                name: #name, kind: ::sandkey::ArgumentKind::#kind, token: #token, optional: true, multiple: false,
            },
        }
    });
    quote!(#(#own)* #(#options)*)
}

/// The first line of the documentation.
fn summary(function: &ItemFn) -> String {
    let lines =
        function.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")).filter_map(|attribute| {
            match &attribute.meta.require_name_value().ok()?.value {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => {
                    Some(text.value().trim().to_owned())
                }
                _ => None,
            }
        });
    lines.into_iter().find(|line| !line.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(attribute: &str, item: &str) -> String {
        let parse = |text: &str| text.parse::<TokenStream>().expect("the test's text is Rust");
        expand(parse(attribute), parse(item)).expect_err("this must not expand").to_string()
    }

    const FINE: &str = "fn f(ctx: &Context) -> Result<()> { Ok(()) }";

    #[test]
    fn attributes_that_make_no_sense_are_explained() {
        assert!(refusal("", FINE).contains("begins with the command's name"));
        assert!(refusal("write", FINE).contains("begins with the command's name"));
        assert!(refusal("\"a b\"", FINE).contains("1 to 64 characters"));
        assert!(refusal("\"a\", writes", FINE).contains("unknown word; flags are write,"));
        assert!(refusal("\"a\", write, readonly", FINE).contains("not both"));
        assert!(refusal("\"a\", keys(1, -1, 1, touch)", FINE).contains("read, update, overwrite or remove"));
        assert!(refusal("\"a\", keys(first = 1)", FINE).contains("keys(count = 1"));
        assert!(refusal("\"a\", options(EX = number)", FINE).contains("a string, an integer or a double"));
    }

    #[test]
    fn functions_that_cannot_be_commands_are_explained() {
        assert!(refusal("\"a\"", "struct S;").contains("belongs to a function"));
        assert!(
            refusal("\"a\"", "fn f() -> Result<()> { Ok(()) }").contains("first parameter is the context")
        );
        assert!(refusal("\"a\"", "fn f(ctx: &Context) {}").contains("Result<()>"));
        assert!(
            refusal("\"a\"", "async fn f(ctx: &Context) -> Result<()> { Ok(()) }")
                .contains("cannot be async")
        );
        assert!(
            refusal("\"a\"", "fn f<T>(ctx: &Context, t: T) -> Result<()> { Ok(()) }").contains("generic")
        );
        assert!(refusal("\"a\"", "fn f(&self) -> Result<()> { Ok(()) }").contains("not a method"));
        assert!(
            refusal("\"a\"", "fn f(ctx: &Context, (a, b): (Key, Key)) -> Result<()> { Ok(()) }")
                .contains("needs a name")
        );
        assert!(
            refusal("\"a\"", "fn f(ctx: &Context, #[access(all)] k: Key) -> Result<()> { Ok(()) }")
                .contains("access to a key")
        );
    }

    #[test]
    fn the_first_line_of_documentation_is_the_summary() {
        let function: ItemFn = syn::parse_quote! {
            ///
            /// Counts.
            /// Well.
            fn f(ctx: &Context) -> Result<()> { Ok(()) }
        };
        assert_eq!(summary(&function), "Counts.");
    }
}
