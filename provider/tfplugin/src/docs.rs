//! The documentation pages of a provider, made from its schema.
//!
//! [`pages`] renders the layout that the Terraform registry reads: `index.md`, `resources/NAME.md`,
//! `data-sources/NAME.md`, `ephemeral-resources/NAME.md`, `list-resources/NAME.md`, `actions/NAME.md`,
//! `functions/NAME.md`, with names that lack the provider's prefix. The words are the doc comments of models and
//! fields; the examples are files in the registry's own layout: `provider/provider.tf`, `resources/TYPE/resource.tf`,
//! `data-sources/TYPE/data-source.tf`, `ephemeral-resources/TYPE/ephemeral-resource.tf`,
//! `list-resources/TYPE/list-resource.tfquery.hcl`, `actions/TYPE/action.tf`, `functions/NAME/function.tf`; and for
//! imports `resources/TYPE/import-by-identity.tf`, `import-by-string-id.tf` and `import.sh`.
//!
//! Guarantees: the same provider and files give the same bytes; nothing is written. What has no description and what
//! has no example is an error that names it, and all of them are named at once. Only the imports by id may be missing,
//! for not everything can be imported.
//!
//! # Templates
//!
//! If the templates' directory holds the page's path with `.tmpl` appended (`resources/NAME.md.tmpl`), that file is the
//! page, with these placeholders filled:
//!
//! | placeholder | stands for |
//! | --- | --- |
//! | `{{front_matter}}` | title and summary between `---` lines |
//! | `{{title}}` | the name and what it is, such as `note_note (Resource)` |
//! | `{{description}}` | the doc comment |
//! | `{{example}}` | the section "Example Usage" |
//! | `{{schema}}` | the section "Schema"; of a function: signature, arguments and return type |
//! | `{{import}}` | the section "Import" |
//!
//! One that has nothing to say vanishes with the blank lines after it; one that does not exist is an error.

mod attributes;
mod kind;
mod page;
mod signature;
mod template;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::docs::page::Pages;
use crate::provider::{Provider, Registry};
use crate::schema::Schema;

/// Renders all pages, by their path in the documentation's directory. The templates' directory may be missing.
pub fn pages<P: Provider>(
    provider: &P,
    examples: &Path,
    templates: &Path,
) -> Result<BTreeMap<PathBuf, String>, DocsError> {
    let mut registry = Registry::new();
    provider.register(&mut registry);
    let mut pages = Pages::new(P::NAME, examples, templates);
    pages.add_schema(&kind::PROVIDER, P::NAME, &Schema::of::<P::Model>(0));
    for (name, entry) in &registry.resources {
        pages.add_resource(name, &entry.described.schema, entry.identity().map(|identity| &identity.schema));
    }
    for (name, entry) in &registry.data_sources {
        pages.add_schema(&kind::DATA_SOURCE, name, &entry.described.schema);
    }
    for (name, entry) in &registry.ephemeral_resources {
        pages.add_schema(&kind::EPHEMERAL_RESOURCE, name, &entry.described.schema);
    }
    for (name, entry) in &registry.list_resources {
        pages.add_schema(&kind::LIST_RESOURCE, name, &entry.described.schema);
    }
    for (name, entry) in &registry.actions {
        pages.add_schema(&kind::ACTION, name, &entry.described.schema);
    }
    for (name, entry) in &registry.functions {
        pages.add_function(name, &entry.signature);
    }
    pages.finish()
}

/// Everything that keeps the pages from being rendered.
#[derive(Debug)]
pub struct DocsError {
    /// What is wrong; at least one.
    pub problems: Vec<DocsProblem>,
}

impl fmt::Display for DocsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the documentation cannot be rendered:")?;
        self.problems.iter().try_for_each(|problem| write!(out, "\n- {problem}"))
    }
}

impl std::error::Error for DocsError {}

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum DocsProblem {
    /// No words.
    #[error("{what} has no description; give it a doc comment")]
    NoDescription {
        /// What lacks it, such as "attribute `lines` of resource `note_note`".
        what: String,
    },
    /// No example.
    #[error("{what} has no example; write {path}")]
    NoExample {
        /// What lacks it.
        what: String,
        /// Where the example is looked for.
        path: PathBuf,
    },
    /// A template asks for what there is not.
    #[error("{path} holds {{{{{placeholder}}}}}, which stands for nothing")]
    UnknownPlaceholder {
        /// The template.
        path: PathBuf,
        /// The word between the braces.
        placeholder: String,
    },
    /// A file is there and cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
