//! Putting pages together, and noting what is missing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::docs::kind::{self, Kind};
use crate::docs::{DocsError, DocsProblem, attributes, signature, template};
use crate::function::Signature;
use crate::schema::Schema;

/// A page without a template.
const LAYOUT: &str = "{{front_matter}}\n\n# {{title}}\n\n{{description}}\n\n{{example}}\n\n{{schema}}\n\n{{import}}\n";

/// The pages so far.
pub(super) struct Pages<'a> {
    provider: &'a str,
    examples: &'a Path,
    templates: &'a Path,
    done: BTreeMap<PathBuf, String>,
    problems: Vec<DocsProblem>,
}

/// What differs from page to page.
struct Content<'a> {
    kind: &'a Kind,
    name: &'a str,
    summary: &'a str,
    description: String,
    schema: String,
    import: String,
}

impl<'a> Pages<'a> {
    pub(super) fn new(provider: &'a str, examples: &'a Path, templates: &'a Path) -> Self {
        Self { provider, examples, templates, done: BTreeMap::new(), problems: Vec::new() }
    }

    /// The page of something with a schema.
    pub(super) fn add_schema(&mut self, kind: &Kind, name: &str, schema: &Schema) {
        let owner = kind.owner(name);
        let text = attributes::section("## Schema", &owner, &schema.attributes, &mut self.problems);
        let summary = &schema.description;
        let import = String::new();
        self.add(&Content { kind, name, summary, description: summary.clone(), schema: text, import });
    }

    /// The page of a resource, which can be imported.
    pub(super) fn add_resource(&mut self, name: &str, schema: &Schema, identity: Option<&Schema>) {
        let kind = &kind::RESOURCE;
        let owner = kind.owner(name);
        let text = attributes::section("## Schema", &owner, &schema.attributes, &mut self.problems);
        let import = self.import(name, identity);
        let summary = &schema.description;
        self.add(&Content { kind, name, summary, description: summary.clone(), schema: text, import });
    }

    /// The ways to import: by identity, where there is one, and by the examples that there are.
    fn import(&mut self, name: &str, identity: Option<&Schema>) -> String {
        let kind = &kind::RESOURCE;
        let mut parts = Vec::new();
        if let Some(identity) = identity {
            let path = kind.beside(self.examples, name, "import-by-identity.tf");
            match self.read(&path) {
                Some(text) => parts.push(code(BY_IDENTITY, "terraform", &text)),
                None => self
                    .problems
                    .push(DocsProblem::NoExample { what: format!("import by identity of {}", kind.owner(name)), path }),
            }
            let owner = format!("identity of {}", kind.owner(name));
            parts.push(attributes::section("### Identity Schema", &owner, &identity.attributes, &mut self.problems));
        }
        if let Some(text) = self.read(&kind.beside(self.examples, name, "import-by-string-id.tf")) {
            parts.push(code(BY_ID, "terraform", &text));
        }
        if let Some(text) = self.read(&kind.beside(self.examples, name, "import.sh")) {
            parts.push(code(BY_COMMAND, "shell", &text));
        }
        if parts.is_empty() { String::new() } else { format!("## Import\n\n{}", parts.join("\n\n")) }
    }

    /// The page of a function.
    pub(super) fn add_function(&mut self, name: &str, function: &Signature) {
        let kind = &kind::FUNCTION;
        let schema = signature::section(name, &kind.owner(name), function, &mut self.problems);
        let deprecated = function.deprecated.map(|instead| format!("~> **Deprecated:** {instead}\n\n"));
        let description = deprecated.unwrap_or_default() + function.description;
        let import = String::new();
        self.add(&Content { kind, name, summary: function.summary, description, schema, import });
    }

    /// The pages, if nothing is wrong.
    pub(super) fn finish(self) -> Result<BTreeMap<PathBuf, String>, DocsError> {
        if self.problems.is_empty() { Ok(self.done) } else { Err(DocsError { problems: self.problems }) }
    }

    fn add(&mut self, content: &Content<'_>) {
        let &Content { kind, name, .. } = content;
        if content.summary.is_empty() || content.description.is_empty() {
            self.problems.push(DocsProblem::NoDescription { what: kind.owner(name) });
        }
        let example_path = kind.example(self.examples, name);
        let example = self.read(&example_path);
        if example.is_none() {
            self.problems.push(DocsProblem::NoExample { what: kind.owner(name), path: example_path });
        }
        let values = BTreeMap::from([
            ("front_matter", front_matter(&kind.page_title(self.provider, name), content.summary)),
            ("title", kind.title(name)),
            ("description", content.description.clone()),
            ("example", example.map_or_else(String::new, |text| code("## Example Usage", "terraform", &text))),
            ("schema", content.schema.clone()),
            ("import", content.import.clone()),
        ]);
        let page = kind.page(self.provider, name);
        let template_path = self.templates.join(format!("{}.tmpl", page.display()));
        let layout = self.read(&template_path);
        match template::fill(layout.as_deref().unwrap_or(LAYOUT), &values) {
            Ok(text) => drop(self.done.insert(page, text)),
            Err(placeholder) => {
                self.problems.push(DocsProblem::UnknownPlaceholder { path: template_path, placeholder });
            }
        }
    }

    /// A file that may be missing.
    fn read(&mut self, path: &Path) -> Option<String> {
        match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => {
                self.problems.push(DocsProblem::Read { path: path.to_owned(), source });
                None
            }
        }
    }
}

const BY_IDENTITY: &str = "In Terraform 1.12 and later, an `import` block can name the object by its identity:";
const BY_ID: &str = "In Terraform 1.5 and later, an `import` block can name the object by its id:";
const BY_COMMAND: &str = "The command `terraform import` names the object by its id:";

fn code(heading: &str, language: &str, text: &str) -> String {
    format!("{heading}\n\n```{language}\n{}\n```", text.trim_end())
}

/// The first paragraph, without code marks, is what lists and searches show.
fn front_matter(title: &str, description: &str) -> String {
    let first = description.split("\n\n").next().unwrap_or_default().replace('`', "").replace('\n', "\n  ");
    format!(
        "---\n# Generated from the provider's schema; changes belong there.\npage_title: \"{title}\"\n\
         subcategory: \"\"\ndescription: |-\n  {first}\n---"
    )
}
