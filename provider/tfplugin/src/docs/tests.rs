//! What the pages say, by tables and by one whole provider.

#![allow(clippy::too_many_lines, reason = "a test is read from its start to its end")]

use std::collections::BTreeMap;
use std::path::Path;

use super::{attributes, pages, template, words};
use crate::docs::DocsError;
use crate::prelude::*;
use crate::schema::{Attribute, Field, Source};
use crate::value::Type;

/// One line of an attribute, without what leads to it.
fn line(attribute: Attribute) -> String {
    let text = attributes::section("## Schema", "resource `r`", &[attribute.description("Says it.")], &mut Vec::new());
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("- ") || line.starts_with("  ")).collect();
    lines.join("\n")
}

fn of<T: Field>() -> Attribute {
    Attribute::of::<T>("a", Source::Optional)
}

#[test]
fn types_are_said_in_words() {
    let object = Type::Object([("a".to_owned(), Type::Bool), ("b".to_owned(), Type::Number)].into());
    let table = [
        (Type::String, "String"),
        (Type::Bool, "Boolean"),
        (Type::Dynamic, "Dynamic"),
        (Type::List(Box::new(Type::Set(Box::new(Type::Number)))), "List of Set of Number"),
        (Type::Tuple(vec![Type::String, Type::Bool]), "Tuple of (String, Boolean)"),
        (Type::Map(Box::new(object)), "Map of Object({ a = Boolean, b = Number })"),
    ];
    for (plain, expected) in table {
        assert_eq!(words::of_type(&plain), expected);
    }
}

#[test]
fn a_line_says_what_is_special_about_an_attribute() {
    use crate::modifiers::{keep_state, requires_replace};
    let table = [
        (of::<String>(), "- `a` (String) Says it."),
        (of::<String>().sensitive(), "- `a` (String, Sensitive) Says it."),
        (of::<String>().sensitive().write_only(), "- `a` (String, Sensitive, Write-only) Says it."),
        (of::<bool>().deprecated("Use `b`."), "- `a` (Boolean, Deprecated) Says it. **Deprecated:** Use `b`."),
        (of::<i64>().modifier(requires_replace()), "- `a` (Number) Says it. Changing it forces replacement."),
        (of::<i64>().modifier(keep_state()), "- `a` (Number) Says it."),
        (
            of::<Section>().default(&Section::default()).sensitive(),
            "- `a` (Attributes, Sensitive) Says it. Default: `{ lines = null }`. \
             (see [below for nested schema](#nestedatt--a))\n- `lines` (Number) Number of lines.",
        ),
    ];
    for (attribute, expected) in table {
        assert_eq!(line(attribute), expected);
    }
}

#[test]
fn defaults_are_written_as_in_a_configuration() {
    let map = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    let table = [
        (of::<bool>().default(&true), "`true`"),
        (of::<i64>().default(&3), "`3`"),
        (of::<String>().default(&"30s".to_owned()), "`30s`"),
        (of::<String>().default(&String::new()), "`\"\"`"),
        (of::<Vec<String>>().default(&vec!["a".to_owned()]), "`[\"a\"]`"),
        (of::<BTreeMap<String, String>>().default(&map), "`{ k = \"v\" }`"),
    ];
    for (attribute, expected) in table {
        let line = line(attribute);
        assert!(line.ends_with(&format!(" Says it. Default: {expected}.")), "{line}");
    }
}

#[test]
fn more_paragraphs_stay_in_their_item() {
    let attribute = of::<bool>().default(&true).description("One\nline.\n\n- a list");
    let text = attributes::section("## Schema", "resource `r`", &[attribute], &mut Vec::new());
    assert!(text.ends_with("- `a` (Boolean) One\n  line.\n\n  - a list\n\n  Default: `true`."), "{text}");
}

#[test]
fn a_placeholder_without_a_value_leaves_no_gap() {
    let values = BTreeMap::from([("a", String::new()), ("b", "{{a}} B".to_owned())]);
    let table = [
        ("x\n\n{{a}}\n\n{{ b }}\n", Ok("x\n\n{{a}} B\n")),
        ("x {{a}}\ny", Ok("x \ny\n")),
        ("no placeholder", Ok("no placeholder\n")),
        ("{{c}}", Err("c")),
        ("not closed {{a", Ok("not closed {{a\n")),
    ];
    for (template, expected) in table {
        let filled = template::fill(template, &values);
        assert_eq!(filled.as_deref().map_err(String::as_str), expected, "{template}");
    }
}

// ---- a whole provider ---------------------------------------------------------------------------

/// Keeps notes.
#[derive(Clone, Model)]
struct Config {
    /// Token.
    #[tf(optional, sensitive)]
    token: Value<String>,
}

/// One note: `text` by `name`.
///
/// More about it.
#[derive(Clone, Model)]
struct Note {
    /// Identifier.
    #[tf(computed, plan = keep_state())]
    id: Value<String>,
    /// File name.
    #[tf(required, plan = requires_replace())]
    name: Value<String>,
    /// Sections by heading.
    #[tf(optional)]
    sections: Value<BTreeMap<String, Section>>,
    /// What is said of it.
    #[tf(computed)]
    remarks: Value<Vec<Remark>>,
}

/// What tells a note from all others.
#[derive(Clone, Model)]
struct NoteIdentity {
    /// File name.
    #[tf(required)]
    name: Value<String>,
}

/// A section.
#[derive(Clone, Model)]
struct Section {
    /// Number of lines.
    #[tf(required)]
    lines: Value<i64>,
}

/// A remark.
#[derive(Clone, Model)]
struct Remark {
    /// Who said it.
    #[tf(computed)]
    by: Value<Section>,
}

#[derive(Arguments)]
struct ShoutArguments {
    /// What to shout.
    text: String,
    /// How often; null means once.
    times: Option<i64>,
    /// More words.
    #[tf(variadic)]
    more: Vec<String>,
}

struct Provided;
struct Silent;

impl Provider for Provided {
    type Model = Config;
    type Data = ();
    const NAME: &'static str = "note";

    fn register(&self, registry: &mut Registry<()>) {
        registry.resource(Provided).data_source(Provided).ephemeral_resource(Provided).function(Provided);
        registry.list_resource(Provided).action(Provided);
    }

    async fn configure(&self, _: &ConfigureContext, _: Config) -> Result<()> {
        Ok(())
    }
}

impl Resource for Provided {
    type Model = Note;
    type Identity = NoteIdentity;
    type Data = ();
    const NAME: &'static str = "note_note";

    async fn create(&self, _: &ResourceContext<Self>, plan: Note) -> Result<Note> {
        Ok(plan)
    }

    async fn read(&self, _: &ResourceContext<Self>, state: Note) -> Result<Option<Note>> {
        Ok(Some(state))
    }

    async fn delete(&self, _: &ResourceContext<Self>, _: Note) -> Result<()> {
        Ok(())
    }
}

impl DataSource for Provided {
    type Model = Config;
    type Data = ();
    const NAME: &'static str = "note_count";

    async fn read(&self, _: &Context<()>, config: Config) -> Result<Config> {
        Ok(config)
    }
}

impl EphemeralResource for Provided {
    type Model = Config;
    type Data = ();
    type Private = ();
    const NAME: &'static str = "note_key";

    async fn open(&self, _: &Context<()>, result: Config) -> Result<Opened<Self>> {
        Ok(Opened { result, private: (), renew_at: None })
    }
}

impl ListResource for Provided {
    type Resource = Self;
    type Model = Config;

    async fn list(&self, _: &Context<()>, _: Config, _: &mut Listing<Self>) -> Result<()> {
        Ok(())
    }
}

impl Action for Provided {
    type Model = Config;
    type Data = ();
    const NAME: &'static str = "note_burn";

    async fn invoke(&self, _: &ActionContext<()>, _: Config) -> Result<()> {
        Ok(())
    }
}

impl Function for Provided {
    type Arguments = ShoutArguments;
    type Output = Vec<String>;
    const NAME: &'static str = "shout";
    const SUMMARY: &'static str = "Shouts a text";
    const DESCRIPTION: &'static str = "Upper-cases `text`.";

    fn call(&self, arguments: ShoutArguments) -> std::result::Result<Vec<String>, FunctionError> {
        let times = arguments.times.unwrap_or(1);
        Ok([vec![arguments.text], arguments.more].concat().into_iter().filter(|_| times > 0).collect())
    }
}

/// Says nothing of `quiet`.
#[derive(Clone, Model)]
struct Wordless {
    #[tf(optional)]
    quiet: Value<Quiet>,
}

#[derive(Clone, Model)]
struct Quiet {
    #[tf(optional)]
    deep: Value<String>,
}

impl Provider for Silent {
    type Model = Wordless;
    type Data = ();
    const NAME: &'static str = "silent";

    fn register(&self, _: &mut Registry<()>) {}

    async fn configure(&self, _: &ConfigureContext, _: Wordless) -> Result<()> {
        Ok(())
    }
}

const EXAMPLES: [&str; 9] = [
    "provider/provider.tf",
    "resources/note_note/resource.tf",
    "resources/note_note/import-by-identity.tf",
    "resources/note_note/import.sh",
    "list-resources/note_note/list-resource.tfquery.hcl",
    "actions/note_burn/action.tf",
    "data-sources/note_count/data-source.tf",
    "ephemeral-resources/note_key/ephemeral-resource.tf",
    "functions/shout/function.tf",
];

/// A directory with these files, each of which holds its own path.
fn files(paths: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for path in paths {
        write(directory.path(), path, &format!("# {path}\n"));
    }
    directory
}

fn write(directory: &Path, path: &str, text: &str) {
    let path = directory.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn said(error: &DocsError) -> Vec<String> {
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_resource_has_its_sections_in_the_order_that_readers_know() {
    let examples = files(&EXAMPLES);
    let pages = pages(&Provided, examples.path(), Path::new("/nowhere")).unwrap();
    let expected = r#"---
# Generated from the provider's schema; changes belong there.
page_title: "note_note Resource - terraform-provider-note"
subcategory: ""
description: |-
  One note: text by name.
---

# note_note (Resource)

One note: `text` by `name`.

More about it.

## Example Usage

```terraform
# resources/note_note/resource.tf
```

## Schema

### Required

- `name` (String) File name. Changing it forces replacement.

### Optional

- `sections` (Attributes Map) Sections by heading. (see [below for nested schema](#nestedatt--sections))

### Read-Only

- `id` (String) Identifier.
- `remarks` (Attributes List) What is said of it. (see [below for nested schema](#nestedatt--remarks))

<a id="nestedatt--sections"></a>
### Nested Schema for `sections`

Required:

- `lines` (Number) Number of lines.

<a id="nestedatt--remarks"></a>
### Nested Schema for `remarks`

Read-Only:

- `by` (Attributes) Who said it. (see [below for nested schema](#nestedatt--remarks--by))

<a id="nestedatt--remarks--by"></a>
### Nested Schema for `remarks.by`

Read-Only:

- `lines` (Number) Number of lines.

## Import

In Terraform 1.12 and later, an `import` block can name the object by its identity:

```terraform
# resources/note_note/import-by-identity.tf
```

### Identity Schema

#### Required

- `name` (String) File name.

The command `terraform import` names the object by its id:

```shell
# resources/note_note/import.sh
```
"#;
    assert_eq!(pages[Path::new("resources/note.md")], expected);
    let paths: Vec<String> = pages.keys().map(|path| path.display().to_string()).collect();
    assert_eq!(
        paths,
        [
            "actions/burn.md",
            "data-sources/count.md",
            "ephemeral-resources/key.md",
            "functions/shout.md",
            "index.md",
            "list-resources/note.md",
            "resources/note.md"
        ]
    );
}

#[test]
fn an_ephemeral_resource_has_its_own_folder_and_title() {
    let examples = files(&EXAMPLES);
    let pages = pages(&Provided, examples.path(), Path::new("/nowhere")).unwrap();
    let page = &pages[Path::new("ephemeral-resources/key.md")];
    assert!(page.contains("page_title: \"note_key Ephemeral Resource - terraform-provider-note\""), "{page}");
    assert!(page.contains("# note_key (Ephemeral Resource)"), "{page}");
    assert!(page.contains("# ephemeral-resources/note_key/ephemeral-resource.tf"), "{page}");
}

#[test]
fn lists_and_actions_have_folders_and_examples_of_their_own() {
    let examples = files(&EXAMPLES);
    let pages = pages(&Provided, examples.path(), Path::new("/nowhere")).unwrap();
    let list = &pages[Path::new("list-resources/note.md")];
    assert!(list.contains("# note_note (List Resource)"), "{list}");
    assert!(list.contains("# list-resources/note_note/list-resource.tfquery.hcl"), "{list}");
    let action = &pages[Path::new("actions/burn.md")];
    assert!(action.contains("# note_burn (Action)") && action.contains("# actions/note_burn/action.tf"), "{action}");
}

#[test]
fn the_words_of_a_choice_are_named() {
    #[derive(Clone, Copy, crate::Choice)]
    enum Colour {
        Red,
        DarkGreen,
    }
    assert_eq!(Colour::Red.as_str(), "red");
    let attribute = Attribute::of::<Value<Colour>>("colour", Source::Optional).description("Its colour.");
    let text = attributes::section("## Schema", "resource `r`", &[attribute], &mut Vec::new());
    assert!(text.ends_with("- `colour` (String) Its colour. One of `red` or `dark_green`."), "{text}");
}

#[test]
fn a_function_says_how_it_is_called() {
    let examples = files(&EXAMPLES);
    let pages = pages(&Provided, examples.path(), Path::new("/nowhere")).unwrap();
    let expected = "## Signature\n\n```text\nshout(text string, times number, more string...) list of string\n```\n\n\
        ## Arguments\n\n1. `text` (String) What to shout.\n2. `times` (Number, Nullable) How often; null means once.\n\
        3. `more` (Variadic, String) More words.\n\n## Return Type\n\nList of String\n";
    let page = &pages[Path::new("functions/shout.md")];
    assert!(page.ends_with(expected), "{page}");
}

#[test]
fn every_missing_example_is_named() {
    let examples = files(&EXAMPLES[..1]);
    let error = pages(&Provided, examples.path(), Path::new("/nowhere")).unwrap_err();
    let said = said(&error);
    assert_eq!(said.len(), 7, "{said:?}");
    let path = examples.path().join("resources/note_note/resource.tf");
    assert!(said.contains(&format!("resource `note_note` has no example; write {}", path.display())), "{said:?}");
}

#[test]
fn every_missing_description_is_named() {
    let examples = files(&EXAMPLES);
    let error = pages(&Silent, examples.path(), Path::new("/nowhere")).unwrap_err();
    let lacks =
        |path: &str| format!("attribute `{path}` of provider `silent` has no description; give it a doc comment");
    assert_eq!(said(&error), [lacks("quiet"), lacks("quiet.deep")]);
}

#[test]
fn a_template_takes_the_place_of_the_layout() {
    let (examples, templates) = (files(&EXAMPLES), files(&[]));
    write(templates.path(), "resources/note.md.tmpl", "# {{title}}\n\nBy hand.\n\n{{import}}\n");
    let made = pages(&Provided, examples.path(), templates.path()).unwrap();
    let page = &made[Path::new("resources/note.md")];
    assert!(page.starts_with("# note_note (Resource)\n\nBy hand.\n\n## Import\n"), "{page}");
    assert!(!page.contains("\n## Schema"), "{page}");

    write(templates.path(), "resources/note.md.tmpl", "{{shcema}}");
    let error = pages(&Provided, examples.path(), templates.path()).unwrap_err();
    assert!(said(&error)[0].ends_with("note.md.tmpl holds {{shcema}}, which stands for nothing"), "{error}");
}
