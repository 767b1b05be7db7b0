//! What comes out: a document, the same in parts, and a note on each statement.

use ringfence_policy::aws::Rendered;
use tfplugin_rs::prelude::*;

/// A policy document and what is said of it.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct RenderedModel {
    /// The whole document, without white space.
    #[tf(computed)]
    pub(crate) json: Value<String>,
    /// The same in as few documents as fit the limit of a managed policy (6,144 characters) each.
    #[tf(computed)]
    pub(crate) documents: Value<Vec<String>>,
    /// What each statement is for, in the order of the document.
    #[tf(computed)]
    pub(crate) statements: Value<Vec<StatementModel>>,
}

/// A statement of a document.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct StatementModel {
    /// Its name in the document.
    #[tf(computed)]
    sid: Value<String>,
    /// The grant that needs it; `base` when it is always there.
    #[tf(computed)]
    grant: Value<String>,
    /// Why, in a sentence.
    #[tf(computed)]
    why: Value<String>,
}

impl From<&Rendered> for RenderedModel {
    fn from(rendered: &Rendered) -> Self {
        let documents: Vec<String> =
            rendered.document.split().iter().map(ringfence_policy::aws::Document::minified).collect();
        let statements: Vec<StatementModel> = rendered
            .notes
            .iter()
            .map(|note| StatementModel {
                sid: note.sid.as_str().into(),
                grant: note.grant.as_str().into(),
                why: note.why.as_str().into(),
            })
            .collect();
        Self { json: rendered.document.minified().into(), documents: documents.into(), statements: statements.into() }
    }
}
