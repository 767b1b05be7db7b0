//! Reading what is written on a struct and its fields.

use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Expr, Field, Fields, Lit, LitStr, Meta, Result};

/// What `#[tf(...)]` says about a field.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word that stands there or not")]
pub(crate) struct Options {
    pub(crate) required: bool,
    pub(crate) optional: bool,
    pub(crate) computed: bool,
    pub(crate) sensitive: bool,
    pub(crate) write_only: bool,
    pub(crate) variadic: bool,
    pub(crate) deprecated: Option<LitStr>,
    pub(crate) name: Option<LitStr>,
    pub(crate) default: Option<Expr>,
    pub(crate) validators: Vec<Expr>,
    pub(crate) modifiers: Vec<Expr>,
}

impl Options {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("tf")) {
            attribute.parse_nested_meta(|meta| {
                let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
                match name.as_str() {
                    "required" => options.required = true,
                    "optional" => options.optional = true,
                    "computed" => options.computed = true,
                    "sensitive" => options.sensitive = true,
                    "write_only" => options.write_only = true,
                    "variadic" => options.variadic = true,
                    "deprecated" => options.deprecated = Some(meta.value()?.parse()?),
                    "name" => options.name = Some(meta.value()?.parse()?),
                    "default" => options.default = Some(meta.value()?.parse()?),
                    "validate" => options.validators.push(meta.value()?.parse()?),
                    "plan" => options.modifiers.push(meta.value()?.parse()?),
                    _ => {
                        let known = "required, optional, computed, sensitive, write_only, deprecated, name, default, \
                                     validate, plan, variadic";
                        return Err(meta.error(format!("unknown option; there are {known}")));
                    }
                }
                Ok(())
            })?;
        }
        Ok(options)
    }

    /// The attribute name: as given, or the field's.
    pub(crate) fn name_of(&self, field: &Field) -> String {
        match (&self.name, &field.ident) {
            (Some(name), _) => name.value(),
            (None, Some(ident)) => ident.to_string().trim_start_matches("r#").to_owned(),
            (None, None) => String::new(),
        }
    }
}

/// The named fields of a struct; anything else is an error.
pub(crate) fn fields(input: &DeriveInput) -> Result<Vec<&Field>> {
    if let Some(parameter) = input.generics.params.first() {
        return Err(Error::new(parameter.span(), "a model has no type parameters"));
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields.named.iter().collect()),
            Fields::Unit => Ok(Vec::new()),
            Fields::Unnamed(fields) => Err(Error::new(fields.span(), "fields need names")),
        },
        _ => Err(Error::new(input.span(), "only a struct can be derived")),
    }
}

/// The doc comment as Markdown.
pub(crate) fn description(attributes: &[Attribute]) -> String {
    let lines =
        attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).filter_map(|attribute| match &attribute
            .meta
        {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(text) => {
                        let text = text.value();
                        Some(text.strip_prefix(' ').unwrap_or(&text).to_owned())
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}
