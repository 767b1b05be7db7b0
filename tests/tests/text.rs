//! How long lines and test files may be, as tests that fail with the place.

#![allow(clippy::unwrap_used, reason = "in a test a broken expectation is a failure")]

use std::fs;
use std::path::{Path, PathBuf};

/// How many characters a line may have. rustfmt keeps code to it, but not comments, texts and other languages.
const COLUMNS: usize = 120;

/// How many lines a file of tests may have.
const LINES: usize = 600;

/// Whose lines are counted, by the ending of the name.
const COUNTED: &[&str] = &[".rs", ".sh", ".toml", ".hcl", ".tf", "Makefile"];

/// Written by a program and committed.
const GENERATED: &[&str] = &["provider/tfplugin/src/proto/"];

/// What is never looked at: what cargo leaves behind. Nor are names that begin with a point, such as what Terraform and
/// the demo leave behind, except cargo's own settings.
const SKIPPED: &[&str] = &["target"];

#[test]
fn no_line_is_longer_than_a_reader_s_window() {
    let mut broken = Vec::new();
    for file in files().into_iter().filter(|file| COUNTED.iter().any(|ending| file.ends_with(ending))) {
        for (index, line) in read(&file).lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS {
                broken.push(format!("{file}:{}: {columns} columns; break the line at {COLUMNS}", index + 1));
            }
        }
    }
    none(&broken);
}

#[test]
fn a_file_of_tests_is_short_enough_to_be_read() {
    let mut broken = Vec::new();
    for file in files().into_iter().filter(|file| is_of_tests(file)) {
        let lines = read(&file).lines().count();
        if lines > LINES {
            broken.push(format!("{file}: {lines} lines; split it by what is tested, at most {LINES} each"));
        }
    }
    none(&broken);
}

#[test]
fn a_file_of_tests_is_known_by_where_it_lies() {
    for file in ["tests/src/head.rs", "tests/tests/suite/api/crl.rs", "daemon/pki/tests/fuzz.rs", "a/src/b/tests.rs"] {
        assert!(is_of_tests(file), "{file}");
    }
    for file in ["daemon/src/token.rs", "tests/set-up.sh", "daemon/src/protests.rs"] {
        assert!(!is_of_tests(file), "{file}");
    }
}

fn is_of_tests(file: &str) -> bool {
    file.strip_suffix(".rs").is_some_and(|path| path.split('/').any(|part| part == "tests"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the workspace").to_owned()
}

/// Every file of the tree that somebody wrote, as a path from the root.
fn files() -> Vec<String> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        // Other tests write and remove while this one looks, so what vanishes is not an error.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if SKIPPED.contains(&name.as_str()) || name.starts_with('.') && name != ".cargo" {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => walk(&entry.path(), found),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }

    let (root, mut found) = (root(), Vec::new());
    walk(&root, &mut found);
    let mut files: Vec<String> =
        found.iter().map(|file| file.strip_prefix(&root).unwrap().to_string_lossy().into_owned()).collect();
    files.retain(|file| !GENERATED.iter().any(|generated| file.starts_with(generated)));
    files.sort();
    assert!(files.iter().any(|file| file == "tests/tests/text.rs"), "the tree was not found");
    files
}

fn read(file: &str) -> String {
    String::from_utf8_lossy(&fs::read(root().join(file)).unwrap_or_default()).into_owned()
}

fn none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}
