//! What can have a page, where the page lies, and where its example lies.

use std::path::{Path, PathBuf};

/// One kind of page.
pub(super) struct Kind {
    /// What readers call it.
    word: &'static str,
    /// The folder of its pages; the provider's page is the index.
    folder: Option<&'static str>,
    /// The folder of its examples.
    examples: &'static str,
    /// The file of an example.
    example: &'static str,
}

pub(super) const PROVIDER: Kind = Kind { word: "Provider", folder: None, examples: "provider", example: "provider.tf" };
pub(super) const RESOURCE: Kind =
    Kind { word: "Resource", folder: Some("resources"), examples: "resources", example: "resource.tf" };
pub(super) const DATA_SOURCE: Kind =
    Kind { word: "Data Source", folder: Some("data-sources"), examples: "data-sources", example: "data-source.tf" };
pub(super) const EPHEMERAL_RESOURCE: Kind = Kind {
    word: "Ephemeral Resource",
    folder: Some("ephemeral-resources"),
    examples: "ephemeral-resources",
    example: "ephemeral-resource.tf",
};
pub(super) const LIST_RESOURCE: Kind = Kind {
    word: "List Resource",
    folder: Some("list-resources"),
    examples: "list-resources",
    example: "list-resource.tfquery.hcl",
};
pub(super) const ACTION: Kind =
    Kind { word: "Action", folder: Some("actions"), examples: "actions", example: "action.tf" };
pub(super) const FUNCTION: Kind =
    Kind { word: "function", folder: Some("functions"), examples: "functions", example: "function.tf" };

impl Kind {
    /// How errors call it.
    pub(super) fn owner(&self, name: &str) -> String {
        format!("{} `{name}`", self.word.to_lowercase())
    }

    /// The page of `name`, in the documentation's directory.
    pub(super) fn page(&self, provider: &str, name: &str) -> PathBuf {
        let prefix = format!("{provider}_");
        match self.folder {
            None => PathBuf::from("index.md"),
            Some(folder) => Path::new(folder).join(format!("{}.md", name.strip_prefix(&prefix).unwrap_or(name))),
        }
    }

    /// The example of `name`.
    pub(super) fn example(&self, examples: &Path, name: &str) -> PathBuf {
        self.beside(examples, name, self.example)
    }

    /// A file beside the example.
    pub(super) fn beside(&self, examples: &Path, name: &str, file: &str) -> PathBuf {
        let folder = examples.join(self.examples);
        if self.folder.is_none() { folder.join(file) } else { folder.join(name).join(file) }
    }

    /// The first heading.
    pub(super) fn title(&self, name: &str) -> String {
        match self.word {
            "Provider" => format!("{name} Provider"),
            "function" => format!("function: {name}"),
            word => format!("{name} ({word})"),
        }
    }

    /// The title in lists of pages.
    pub(super) fn page_title(&self, provider: &str, name: &str) -> String {
        let word = self.word;
        if self.folder.is_none() {
            format!("{name} {word}")
        } else {
            format!("{name} {word} - terraform-provider-{provider}")
        }
    }
}
