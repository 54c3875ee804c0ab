//! `#[derive(DataType)]` and `#[derive(Field)]`: a struct is its fields in order, an enum the number of its variant and then the
//! variant's fields. How a field looks in bytes is the trait `Field`'s affair.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DataStruct, DeriveInput, Error, Expr, Fields, Ident, LitInt, LitStr, Member, Result,
    Type,
};

pub(crate) fn expand_data_type(input: TokenStream) -> Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    let Named { name, encver } = named(&input)?;
    let Data::Struct(DataStruct { fields, .. }) = &input.data else {
        let message =
            "#[derive(DataType)] is for a struct; let one hold the enum, which has #[derive(Field)]";
        return Err(Error::new(input.ident.span(), message));
    };
    if let Some(parameter) = input.generics.params.first() {
        return Err(Error::new(parameter.span(), "a data type has one name, so it cannot be generic"));
    }
    let ident = &input.ident;
    not_empty(ident, fields)?;
    let parts = parts(fields, Some(encver))?;
    let (body, oldest) = (read(&parts), oldest(&parts, encver));
    // Version 0 is the oldest that there can be.
    let check = (oldest > 0).then(|| {
        quote! {
            if encver < #oldest {
                return ::core::result::Result::Err(reader.refuse(::core::format_args!(
                    "version {encver} cannot be read by version {}", #encver
                )));
            }
        }
    });
    let (members, kinds): (Vec<_>, Vec<_>) = parts.iter().map(|part| (&part.member, &part.kind)).unzip();
    Ok(quote! {
        #[automatically_derived]
        impl ::sandkey::DataType for #ident {
            const NAME: &'static str = #name;
            const ENCVER: u32 = #encver;

            fn load(reader: &mut ::sandkey::data_type::Reader<'_>, encver: u32) -> ::sandkey::Result<Self> {
                let _ = encver;
                #check
                ::core::result::Result::Ok(Self { #body })
            }

            fn save(&self, writer: &mut ::sandkey::data_type::Writer) {
                #(<#kinds as ::sandkey::data_type::Field>::write(&self.#members, writer);)*
            }

            fn memory_usage(&self) -> usize {
                ::core::mem::size_of::<Self>()
                    #(+ <#kinds as ::sandkey::data_type::Field>::heap_size(&self.#members))*
            }
        }
    })
}

pub(crate) fn expand_field(input: TokenStream) -> Result<TokenStream> {
    let mut input: DeriveInput = syn::parse2(input)?;
    if let Some(attribute) = ours(&input.attrs) {
        return Err(Error::new(
            attribute.span(),
            "a field has no name and no version: they are the data type's",
        ));
    }
    if let Some(lifetime) = input.generics.lifetimes().next() {
        return Err(Error::new(lifetime.span(), "a field owns what it is, so it cannot borrow"));
    }
    for parameter in input.generics.type_params_mut() {
        parameter.bounds.push(syn::parse_quote!(::sandkey::data_type::Field));
    }
    let (read, write, heap_size) = match &input.data {
        Data::Struct(data) => of_struct(&input.ident, &data.fields)?,
        Data::Enum(data) => of_enum(&input.ident, data)?,
        Data::Union(_) => return Err(Error::new(input.ident.span(), "a union does not know what it holds")),
    };
    let ident = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::sandkey::data_type::Field for #ident #arguments #bounds {
            fn read(reader: &mut ::sandkey::data_type::Reader<'_>) -> ::sandkey::Result<Self> {
                #read
            }

            fn write(&self, writer: &mut ::sandkey::data_type::Writer) {
                #write
            }

            fn heap_size(&self) -> usize {
                #heap_size
            }
        }
    })
}

/// What `#[data_type(name = "...", encver = 1)]` says.
struct Named {
    name: LitStr,
    encver: u32,
}

fn named(input: &DeriveInput) -> Result<Named> {
    let (mut name, mut encver) = (None, None);
    let usage = "a data type needs #[data_type(name = \"9-letters\", encver = 1)]";
    let Some(attribute) = ours(&input.attrs) else { return Err(Error::new(input.ident.span(), usage)) };
    attribute.parse_nested_meta(|meta| {
        if meta.path.is_ident("name") {
            name = Some(type_name(meta.value()?.parse()?)?);
        } else if meta.path.is_ident("encver") {
            encver = Some(version(&meta.value()?.parse()?)?);
        } else {
            return Err(meta.error(usage));
        }
        Ok(())
    })?;
    let missing = || Error::new(attribute.span(), usage);
    Ok(Named { name: name.ok_or_else(missing)?, encver: encver.ok_or_else(missing)? })
}

fn type_name(name: LitStr) -> Result<LitStr> {
    let value = name.value();
    if value.len() == 9 && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
        Ok(name)
    } else {
        Err(Error::new(name.span(), "a data type's name is exactly 9 characters of A-Z a-z 0-9 - _"))
    }
}

fn version(number: &LitInt) -> Result<u32> {
    let version: u32 = number.base10_parse()?;
    if version <= 1023 { Ok(version) } else { Err(Error::new(number.span(), "an encver is 0 to 1023")) }
}

fn ours(attributes: &[Attribute]) -> Option<&Attribute> {
    attributes.iter().find(|attribute| attribute.path().is_ident("data_type"))
}

fn not_empty(ident: &Ident, fields: &Fields) -> Result<()> {
    if fields.is_empty() {
        return Err(Error::new(ident.span(), "there must be a field: what saves nothing cannot be counted"));
    }
    Ok(())
}

/// One field of a struct or of a variant.
struct Part {
    member: Member,
    kind: Type,
    since: Option<u32>,
}

/// The fields; `encver` if they may say since which version they are there.
fn parts(fields: &Fields, encver: Option<u32>) -> Result<Vec<Part>> {
    let part = |(field, member): (&syn::Field, Member)| {
        let mut since = None;
        if let Some(attribute) = ours(&field.attrs) {
            attribute.parse_nested_meta(|meta| {
                let newest =
                    encver.ok_or_else(|| meta.error("only the fields of a data type have versions"))?;
                if !meta.path.is_ident("since") {
                    return Err(meta.error("a field says #[data_type(since = 2)]"));
                }
                let number: LitInt = meta.value()?.parse()?;
                let first = version(&number)?;
                if first > newest {
                    return Err(Error::new(number.span(), format!("the type's encver is only {newest}")));
                }
                since = Some(first);
                Ok(())
            })?;
        }
        Ok(Part { member, kind: field.ty.clone(), since })
    };
    fields.iter().zip(fields.members()).map(part).collect()
}

/// The oldest version that can still be read: every later one says what is new in it.
fn oldest(parts: &[Part], encver: u32) -> u32 {
    let mut oldest = encver;
    while oldest > 0 && parts.iter().any(|part| part.since == Some(oldest)) {
        oldest -= 1;
    }
    oldest
}

fn read(parts: &[Part]) -> TokenStream {
    let fields = parts.iter().map(|Part { member, kind, since }| {
        let read = quote_spanned!(kind.span()=> <#kind as ::sandkey::data_type::Field>::read(reader)?);
        match since {
            Some(since) => quote! {
                #member: if encver >= #since { #read } else { ::core::default::Default::default() }
            },
            None => quote!(#member: #read),
        }
    });
    quote!(#(#fields),*)
}

/// The bodies of `read`, `write` and `heap_size`.
type Bodies = (TokenStream, TokenStream, TokenStream);

fn of_struct(ident: &Ident, fields: &Fields) -> Result<Bodies> {
    not_empty(ident, fields)?;
    let parts = parts(fields, None)?;
    let read = read(&parts);
    let (members, kinds): (Vec<_>, Vec<_>) = parts.iter().map(|part| (&part.member, &part.kind)).unzip();
    Ok((
        quote!(::core::result::Result::Ok(Self { #read })),
        quote!(#(<#kinds as ::sandkey::data_type::Field>::write(&self.#members, writer);)*),
        quote!(0 #(+ <#kinds as ::sandkey::data_type::Field>::heap_size(&self.#members))*),
    ))
}

fn of_enum(ident: &Ident, data: &syn::DataEnum) -> Result<Bodies> {
    if data.variants.is_empty() {
        return Err(Error::new(ident.span(), "an enum without variants has no values"));
    }
    let (mut reads, mut writes, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    let mut numbers = Vec::new();
    let mut number: Expr = syn::parse_quote!(0);
    for (i, variant) in data.variants.iter().enumerate() {
        if let Some((_, own)) = &variant.discriminant {
            number = syn::parse_quote!((#own) as i64);
        }
        let constant = format_ident!("NUMBER_{i}");
        numbers.push(quote!(const #constant: i64 = #number;));
        number = syn::parse_quote!(#constant + 1);

        let name = &variant.ident;
        let parts = parts(&variant.fields, None)?;
        let (members, kinds): (Vec<_>, Vec<_>) = parts.iter().map(|part| (&part.member, &part.kind)).unzip();
        let bound: Vec<Ident> = (0..members.len()).map(|i| format_ident!("part_{i}")).collect();
        reads.push(quote! {
            #constant => Self::#name { #(#members: <#kinds as ::sandkey::data_type::Field>::read(reader)?),* }
        });
        writes.push(quote! {
            Self::#name { #(#members: #bound),* } => {
                writer.i64(#constant);
                #(<#kinds as ::sandkey::data_type::Field>::write(#bound, writer);)*
            }
        });
        sizes.push(quote! {
            Self::#name { #(#members: #bound),* } =>
                0 #(+ <#kinds as ::sandkey::data_type::Field>::heap_size(#bound))*
        });
    }
    let what = ident.to_string();
    // A number of the enum's own is an `isize`, or of the type that a `repr` says.
    let numbers = quote!(#(#[allow(clippy::unnecessary_cast)] #numbers)*);
    let read = quote! {
        #numbers
        ::core::result::Result::Ok(match reader.i64()? {
            #(#reads,)*
            other => {
                return ::core::result::Result::Err(reader.refuse(::core::format_args!("{other} is no {}", #what)));
            }
        })
    };
    let write = quote!(#numbers match self { #(#writes)* });
    Ok((read, write, quote!(match self { #(#sizes),* })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(expand: fn(TokenStream) -> Result<TokenStream>, item: &str) -> String {
        expand(item.parse().expect("the test's text is Rust")).expect_err("this must not expand").to_string()
    }

    #[test]
    fn data_types_that_make_no_sense_are_explained() {
        let refusal = |item: &str| refusal(expand_data_type, item);
        let named = "#[data_type(name = \"123456789\", encver = 2)]";
        assert!(refusal("struct S { a: u8 }").contains("needs #[data_type("));
        assert!(refusal("#[data_type(encver = 1)] struct S { a: u8 }").contains("needs #[data_type("));
        assert!(
            refusal("#[data_type(name = \"123456789\")] struct S { a: u8 }").contains("needs #[data_type(")
        );
        assert!(refusal("#[data_type(colour = 1)] struct S { a: u8 }").contains("needs #[data_type("));
        assert!(
            refusal("#[data_type(name = \"short\", encver = 1)] struct S;").contains("exactly 9 characters")
        );
        assert!(refusal("#[data_type(name = \"12345678é\", encver = 1)] struct S;").contains("exactly 9"));
        assert!(refusal("#[data_type(name = \"123456789\", encver = 1024)] struct S;").contains("0 to 1023"));
        assert!(refusal(&format!("{named} enum E {{ A }}")).contains("is for a struct"));
        assert!(refusal(&format!("{named} struct S<T> {{ a: T }}")).contains("cannot be generic"));
        assert!(refusal(&format!("{named} struct S;")).contains("there must be a field"));
        let field =
            |attribute: &str| refusal(&format!("{named} struct S {{ #[data_type({attribute})] a: u8 }}"));
        assert!(field("since = 3").contains("encver is only 2"));
        assert!(field("until = 3").contains("since = 2"));
    }

    #[test]
    fn fields_that_make_no_sense_are_explained() {
        let refusal = |item: &str| refusal(expand_field, item);
        assert!(refusal("struct S;").contains("there must be a field"));
        assert!(refusal("enum E {}").contains("without variants"));
        assert!(refusal("union U { a: u8 }").contains("does not know what it holds"));
        assert!(refusal("struct S<'a> { a: &'a str }").contains("cannot borrow"));
        assert!(refusal("#[data_type(encver = 1)] struct S { a: u8 }").contains("no name and no version"));
        assert!(
            refusal("struct S { #[data_type(since = 1)] a: u8 }").contains("only the fields of a data type")
        );
        assert!(
            refusal("enum E { A { #[data_type(since = 1)] a: u8 } }")
                .contains("only the fields of a data type")
        );
    }

    #[test]
    fn a_version_is_read_if_every_later_one_says_what_is_new() {
        let part = |since| Part { member: Member::Unnamed(0.into()), kind: syn::parse_quote!(u8), since };
        assert_eq!(oldest(&[part(None)], 0), 0);
        assert_eq!(oldest(&[part(None)], 2), 2);
        assert_eq!(oldest(&[part(None), part(Some(2))], 2), 1);
        assert_eq!(oldest(&[part(Some(1)), part(Some(2))], 2), 0);
        assert_eq!(oldest(&[part(Some(1)), part(Some(3))], 3), 2);
    }
}
