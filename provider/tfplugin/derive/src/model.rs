//! `#[derive(Model)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Field, Result};

use crate::attribute::{Options, description, fields};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let model = &input.ident;
    let documentation = description(&input.attrs);
    let fields = fields(input)?;
    let described =
        fields.iter().map(|field| Ok((*field, Options::read(&field.attrs)?))).collect::<Result<Vec<_>>>()?;

    let attributes = described.iter().map(|(field, options)| attribute(field, options)).collect::<Result<Vec<_>>>()?;
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let types: Vec<_> = fields.iter().map(|field| &field.ty).collect();
    let names: Vec<_> = described.iter().map(|(field, options)| options.name_of(field)).collect();
    let shown = described.iter().map(|(field, options)| {
        let ident = &field.ident;
        if options.sensitive || options.write_only {
            quote!(&::std::format_args!("(sensitive)"))
        } else {
            quote!(&self.#ident)
        }
    });
    let title = model.to_string();

    Ok(quote! {
        #[automatically_derived]
        impl ::tfplugin_rs::Model for #model {
            fn description() -> &'static str {
                #documentation
            }

            fn attributes() -> ::std::vec::Vec<::tfplugin_rs::schema::Attribute> {
                #[allow(unused_imports)]
                use ::tfplugin_rs::{modifiers::*, validators::*};
                ::std::vec![#(#attributes),*]
            }

            fn from_object(
                mut fields: ::tfplugin_rs::Object,
                path: &::tfplugin_rs::Path,
            ) -> ::std::result::Result<Self, ::tfplugin_rs::DecodeError> {
                ::std::result::Result::Ok(Self {
                    #(#idents: <#types as ::tfplugin_rs::Field>::decode(
                        fields.remove(#names).unwrap_or_default(),
                        &path.clone().attr(#names),
                    )?,)*
                })
            }

            fn to_object(&self) -> ::tfplugin_rs::Object {
                let mut fields = ::tfplugin_rs::Object::new();
                #(fields.insert(::std::string::String::from(#names), ::tfplugin_rs::Field::encode(&self.#idents));)*
                fields
            }
        }

        #[automatically_derived]
        impl ::std::default::Default for #model {
            fn default() -> Self {
                Self { #(#idents: ::std::default::Default::default(),)* }
            }
        }

        #[automatically_derived]
        impl ::std::fmt::Debug for #model {
            fn fmt(&self, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                out.debug_struct(#title)#(.field(#names, #shown))*.finish()
            }
        }
    })
}

fn attribute(field: &Field, options: &Options) -> Result<TokenStream> {
    let name = options.name_of(field);
    let rust_type = &field.ty;
    let documentation = description(&field.attrs);
    let optional = options.optional || (options.default.is_some() && !options.required);
    if options.required && (optional || options.computed || options.default.is_some()) {
        return Err(Error::new(
            field.span(),
            "a required attribute is neither optional nor computed and has no default",
        ));
    }
    if options.write_only && (options.computed || options.default.is_some()) {
        return Err(Error::new(field.span(), "a write-only attribute is never computed and has no default"));
    }
    if options.variadic {
        return Err(Error::new(field.span(), "`variadic` is for function arguments"));
    }
    let source = match (options.required, optional, options.computed) {
        (true, _, _) => quote!(Required),
        (_, true, true) => quote!(OptionalComputed),
        (_, true, false) => quote!(Optional),
        (_, false, true) => quote!(Computed),
        _ => return Err(Error::new(field.span(), "say `required`, `optional` or `computed`, or give a default")),
    };
    let sensitive = options.sensitive.then(|| quote!(.sensitive()));
    let write_only = options.write_only.then(|| quote!(.write_only()));
    let deprecated = options.deprecated.iter().map(|instead| quote!(.deprecated(#instead)));
    let default =
        options.default.iter().map(|value| quote_spanned!(value.span()=> .default(&<#rust_type>::from(#value))));
    let validators = options.validators.iter().map(|value| quote_spanned!(value.span()=> .validator(#value)));
    let modifiers = options.modifiers.iter().map(|value| quote_spanned!(value.span()=> .modifier(#value)));
    Ok(quote! {
        ::tfplugin_rs::schema::Attribute::of::<#rust_type>(#name, ::tfplugin_rs::schema::Source::#source)
            .description(#documentation)
            #sensitive #write_only #(#deprecated)* #(#default)* #(#validators)* #(#modifiers)*
    })
}
