//! The example providers under a real Terraform: plan, apply, nothing to do, change, replace, import, destroy.
//!
//! Needs `terraform` on the path.

use crate::workspace::{Workspace, text};

const NOTE: &str = r#"
    resource "note_note" "a" {
      name          = "a"
      text          = "hello"
      weight        = 12345678901234567890.123456789
      passphrase_wo = "p"
      tags          = { k = "v" }
      sections      = { Intro = { lines = 3 }, Body = { lines = 4, style = "fancy" } }
      marks         = [{ line = 2, style = "em" }, { line = 1 }]
      timeouts      = { create = "1m" }
    }
    data "note_count" "all" {
      depends_on = [note_note.a]
    }
    output "shout" {
      value = provider::note::shout("hi", null, "you")
    }
    output "style" {
      value = provider::note::describe({ line = 3 }).style
    }
    output "count" {
      value = data.note_count.all.number
    }
"#;

#[test]
fn a_provider_lives_through_all_that_terraform_does() {
    let workspace = Workspace::new();
    workspace.configure(NOTE);
    let plan = workspace.ok(&["plan", "-out=plan"]);
    assert!(plan.contains("1 to add") && plan.contains("size          = 5"), "{plan}");
    workspace.ok(&["apply", "plan"]);
    assert_eq!(std::fs::read_to_string(workspace.notes().join("a")).unwrap(), "hello");
    assert_eq!(workspace.ok(&["output", "-raw", "shout"]), "HI YOU");
    assert_eq!(workspace.ok(&["output", "-raw", "style"]), "plain");
    assert_eq!(workspace.ok(&["output", "-raw", "count"]), "1");
    let state = std::fs::read_to_string(workspace.work().join("terraform.tfstate")).unwrap();
    assert!(state.contains("12345678901234567890.123456789"), "{state}");
    assert!(state.contains(r#""passphrase_wo": null"#), "{state}");
    workspace.nothing_to_do();

    // A change in place keeps what it can.
    workspace.configure(&NOTE.replace("\"hello\"", "\"longer text\""));
    let plan = workspace.ok(&["plan"]);
    assert!(plan.contains("0 to add, 1 to change, 0 to destroy"), "{plan}");
    assert!(plan.contains("~ size          = 5 -> 11") && !plan.contains("~ id"), "{plan}");
    workspace.ok(&["apply", "-auto-approve"]);
    workspace.nothing_to_do();

    // Another name needs another note.
    workspace.configure(&NOTE.replace("name          = \"a\"", "name          = \"b\""));
    let plan = workspace.ok(&["plan"]);
    assert!(plan.contains("# forces replacement"), "{plan}");
    workspace.ok(&["apply", "-auto-approve"]);
    assert!(!workspace.notes().join("a").exists() && workspace.notes().join("b").exists());
    workspace.nothing_to_do();

    // What vanished is made again.
    std::fs::remove_file(workspace.notes().join("b")).unwrap();
    workspace.ok(&["apply", "-auto-approve"]);
    assert!(workspace.notes().join("b").exists());

    workspace.ok(&["destroy", "-auto-approve"]);
    assert!(!workspace.notes().join("b").exists());

    let left: Vec<_> = std::fs::read_dir(workspace.tmp()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The one on the crate's first page.
#[test]
fn the_provider_of_one_screen_is_complete() {
    let source = include_str!("../../examples/page.rs");
    assert!(source.lines().count() < 80);
    let workspace = Workspace::of("page");
    let page = workspace.notes().join("hello");
    let body = |text: &str| format!("resource \"page_page\" \"hello\" {{\n  name = \"hello\"\n  text = {text:?}\n}}\n");
    for text in ["Hello", "Hello, world"] {
        workspace.configure(&body(text));
        workspace.ok(&["apply", "-auto-approve"]);
        assert_eq!(std::fs::read_to_string(&page).unwrap(), text);
        workspace.nothing_to_do();
    }
    std::fs::write(&page, "scribble").unwrap();
    assert!(workspace.ok(&["plan"]).contains("1 to change"), "drift is seen");
    std::fs::remove_file(&page).unwrap();
    assert!(workspace.ok(&["plan"]).contains("1 to add"), "what is gone is made again");
    workspace.ok(&["apply", "-auto-approve"]);
    workspace.ok(&["destroy", "-auto-approve"]);
    assert!(!page.exists());
}

#[test]
fn an_imported_note_needs_no_change() {
    let workspace = Workspace::new();
    std::fs::write(workspace.notes().join("a"), "hello").unwrap();
    workspace.configure("resource \"note_note\" \"a\" {\n  name = \"a\"\n  text = \"hello\"\n}\n");
    workspace.ok(&["import", "note_note.a", "a"]);
    workspace.nothing_to_do();
}

#[test]
fn a_validation_error_points_at_its_attribute() {
    let workspace = Workspace::new();
    workspace.configure(
        "resource \"note_note\" \"a\" {\n  name = \"a\"\n  colour = \"blue\"\n  sections = {\n    \
         two = { lines = 300 }\n  }\n}\n",
    );
    let output = workspace.run(&["validate"]);
    let said = text(&output);
    assert!(!output.status.success());
    assert!(said.contains(":   colour = \"blue\"") && said.contains("must be one of"), "{said}");
    // Terraform shows no place within a nested attribute, so the text has to.
    assert!(said.contains(r#"sections["two"].lines"#) && said.contains("between 1 and 100"), "{said}");
}

#[test]
fn a_failure_after_creation_leaves_a_tainted_note_that_can_be_replaced() {
    let workspace = Workspace::new();
    let body = |text: &str| format!("resource \"note_note\" \"a\" {{\n  name = \"a\"\n  text = {text:?}\n}}\n");
    workspace.configure(&body("fail after writing"));
    assert!(!workspace.run(&["apply", "-auto-approve"]).status.success());
    assert!(workspace.ok(&["show"]).contains("tainted"));
    workspace.configure(&body("fine"));
    workspace.ok(&["apply", "-auto-approve"]);
    workspace.nothing_to_do();
}

#[test]
fn a_function_error_reaches_the_user() {
    let workspace = Workspace::new();
    workspace.configure("output \"shout\" {\n  value = provider::note::shout(\"\", null)\n}\n");
    let output = workspace.run(&["plan"]);
    assert!(!output.status.success());
    let said = text(&output);
    assert!(said.contains("Invalid value for \"text\" parameter"), "{said}");
}

#[test]
fn an_unknown_provider_setting_breaks_no_plan() {
    let workspace = Workspace::new();
    workspace.configure(
        "resource \"terraform_data\" \"d\" {\n  input = \"token\"\n}\n\
         provider \"note\" {\n  alias = \"later\"\n  directory = terraform_data.d.output\n}\n\
         resource \"note_note\" \"a\" {\n  provider = note.later\n  name = \"a\"\n}\n",
    );
    let plan = workspace.ok(&["plan"]);
    assert!(plan.contains("2 to add"), "{plan}");
}

#[test]
fn json_in_another_spelling_is_no_change() {
    let workspace = Workspace::new();
    let body = |rules: &str| format!("resource \"note_note\" \"a\" {{\n  name = \"a\"\n  rules = {rules:?}\n}}\n");
    workspace.configure(&body(r#"{"b":[1,2],"a":"x"}"#));
    workspace.ok(&["apply", "-auto-approve"]);
    workspace.nothing_to_do();
    workspace.configure(&body("{ \"a\": \"x\", \"b\": [1.0, 2] }"));
    workspace.nothing_to_do();
    workspace.configure(&body(r#"{"a":"y"}"#));
    assert!(workspace.ok(&["plan"]).contains("1 to change"));
    workspace.configure(&body("{"));
    let output = workspace.run(&["validate"]);
    assert!(!output.status.success() && text(&output).contains("must be a string of JSON"), "{}", text(&output));
}

#[test]
fn a_choice_is_one_of_its_words() {
    let workspace = Workspace::new();
    let body = |care: &str| format!("resource \"note_note\" \"a\" {{\n  name = \"a\"\n  care = {care:?}\n}}\n");
    workspace.configure(&body("very_careful"));
    workspace.ok(&["apply", "-auto-approve"]);
    workspace.nothing_to_do();
    workspace.configure(&body("sloppy"));
    let output = workspace.run(&["validate"]);
    let said = text(&output);
    assert!(said.contains(r#"must be one of "careless", "very_careful""#), "{said}");
    assert!(said.contains("care = \"sloppy\""), "{said}");
}

#[test]
fn what_a_module_says_of_itself_reaches_the_provider() {
    let workspace = Workspace::new();
    workspace.configure(
        "terraform {\n  provider_meta \"note\" {\n    module = \"inventory\"\n  }\n}\n\
         resource \"note_note\" \"a\" {\n  name = \"a\"\n}\n",
    );
    workspace.ok(&["apply", "-auto-approve"]);
    let journal = std::fs::read_to_string(workspace.notes().join(".journal")).unwrap();
    assert!(journal.contains("made by inventory"), "{journal}");
}
