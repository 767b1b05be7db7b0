//! The derive macros of `tfplugin-rs`: [`Model`](derive@Model), [`Arguments`](derive@Arguments) and
//! [`Choice`](derive@Choice).
//!
//! They read doc comments as descriptions and `#[tf(...)]` for the rest; what they accept is documented at the
//! trait `Model` of `tfplugin-rs`. A mistake is an error at the attribute that holds it.

mod arguments;
mod attribute;
mod choice;
mod model;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct a model: schema, decoding, encoding, `Default` (everything null) and a `Debug` that hides sensitive
/// and write-only fields. The trait of the same name says what fields can be and what `#[tf(...)]` can say.
#[proc_macro_derive(Model, attributes(tf))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    model::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a struct the arguments of a function: one parameter per field, in order, with the types of a model's fields. A
/// plain type takes neither null nor unknown, `Option` admits null, `Value` both. `#[tf(variadic)]` on the last, a
/// `Vec`, takes all that follow; `name` and `validate` are as in a model.
#[proc_macro_derive(Arguments, attributes(tf))]
pub fn derive_arguments(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    arguments::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an enum of plain words the type of an attribute: a string that must be one of them, `DataOwner` being
/// `data_owner` unless `#[tf(name = "...")]` says otherwise.
#[proc_macro_derive(Choice, attributes(tf))]
pub fn derive_choice(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    choice::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
