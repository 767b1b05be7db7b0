//! The derive macros of `tfplugin-rs`: [`Model`](derive@Model) and [`Arguments`](derive@Arguments).
//!
//! Both read doc comments as descriptions and `#[tf(...)]` for the rest; what they accept is documented in the README of
//! `tfplugin-rs`. A mistake is an error at the attribute that holds it.

mod arguments;
mod attribute;
mod model;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct a model: schema, decoding, encoding, `Default` (everything null) and a `Debug` that hides sensitive
/// and write-only fields.
#[proc_macro_derive(Model, attributes(tf))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    model::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a struct the arguments of a function: one parameter per field, in order.
#[proc_macro_derive(Arguments, attributes(tf))]
pub fn derive_arguments(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    arguments::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
