//! `#[derive(Choice)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Result};

use crate::attribute::Options;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let choice = &input.ident;
    if let Some(parameter) = input.generics.params.first() {
        return Err(Error::new(parameter.span(), "a choice has no type parameters"));
    }
    let Data::Enum(data) = &input.data else {
        return Err(Error::new(input.span(), "only an enum can be a choice"));
    };
    let mut idents = Vec::new();
    let mut texts = Vec::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new(variant.span(), "a choice is a plain word, without fields"));
        }
        let options = Options::read(&variant.attrs)?;
        texts.push(options.name.map_or_else(|| snake_case(&variant.ident.to_string()), |name| name.value()));
        idents.push(&variant.ident);
    }
    let quoted: Vec<_> = texts.iter().map(|text| format!("\"{text}\"")).collect();
    let expected = format!("one of {}", quoted.join(", "));
    Ok(quote! {
        #[automatically_derived]
        impl #choice {
            /// The text that stands for it.
            pub const fn as_str(&self) -> &'static str {
                match self { #(Self::#idents => #texts,)* }
            }
        }

        #[automatically_derived]
        impl ::tfplugin_rs::Field for #choice {
            const CHOICES: &'static [&'static str] = &[#(#texts),*];

            fn kind() -> ::tfplugin_rs::schema::Kind {
                ::tfplugin_rs::schema::Kind::Type(::tfplugin_rs::Type::String)
            }

            fn decode(
                value: ::tfplugin_rs::Dynamic,
                path: &::tfplugin_rs::Path,
            ) -> ::std::result::Result<Self, ::tfplugin_rs::DecodeError> {
                match value {
                    ::tfplugin_rs::Dynamic::Null => {
                        ::std::result::Result::Err(::tfplugin_rs::DecodeError::Null(path.clone()))
                    }
                    ::tfplugin_rs::Dynamic::Unknown => {
                        ::std::result::Result::Err(::tfplugin_rs::DecodeError::Unknown(path.clone()))
                    }
                    value => match value.as_str() {
                        #(::std::option::Option::Some(#texts) => ::std::result::Result::Ok(Self::#idents),)*
                        _ => ::std::result::Result::Err(::tfplugin_rs::DecodeError::Mismatch {
                            path: path.clone(),
                            expected: #expected,
                        }),
                    },
                }
            }

            fn encode(&self) -> ::tfplugin_rs::Dynamic {
                ::tfplugin_rs::Dynamic::String(::std::string::String::from(self.as_str()))
            }
        }
    })
}

/// `DataOwner` as `data_owner`.
fn snake_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for (position, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && position > 0 {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}
