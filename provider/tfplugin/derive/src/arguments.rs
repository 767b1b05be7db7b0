//! `#[derive(Arguments)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Result};

use crate::attribute::{Options, description, fields};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let arguments = &input.ident;
    let fields = fields(input)?;
    let last = fields.len().saturating_sub(1);
    let mut parameters = Vec::new();
    let mut decoded = Vec::new();
    for (position, field) in fields.iter().enumerate() {
        let options = Options::read(&field.attrs)?;
        let (ident, rust_type) = (&field.ident, &field.ty);
        let name = options.name_of(field);
        let documentation = description(&field.attrs);
        if options.variadic && position != last {
            return Err(Error::new(field.span(), "only the last argument can be variadic"));
        }
        let validators = &options.validators;
        let make = if options.variadic { quote!(variadic) } else { quote!(of) };
        let take = if options.variadic { quote!(rest) } else { quote!(next) };
        parameters.push(quote! {
            ::tfplugin_rs::function::Parameter::#make::<#rust_type>(#name, #documentation)
                #(.validator(#validators))*
        });
        decoded.push(quote!(#ident: values.#take::<#rust_type>()?,));
    }
    Ok(quote! {
        #[automatically_derived]
        impl ::tfplugin_rs::function::Arguments for #arguments {
            fn parameters() -> ::std::vec::Vec<::tfplugin_rs::function::Parameter> {
                #[allow(unused_imports)]
                use ::tfplugin_rs::validators::*;
                ::std::vec![#(#parameters),*]
            }

            fn decode(
                values: &mut ::tfplugin_rs::function::ArgumentValues,
            ) -> ::std::result::Result<Self, ::tfplugin_rs::FunctionError> {
                ::std::result::Result::Ok(Self { #(#decoded)* })
            }
        }
    })
}
