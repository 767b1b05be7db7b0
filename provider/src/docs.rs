//! The pages in `docs/` that are made from the schema are what the schema says: none differs, none is left over.
//! `make docs` writes them. Guides and decisions are written by hand and not touched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::provider::RingfenceProvider;

/// The folders that hold nothing but made pages.
const FOLDERS: [&str; 6] =
    ["actions", "data-sources", "ephemeral-resources", "functions", "list-resources", "resources"];

#[test]
fn the_committed_pages_are_what_the_schema_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let docs = root.join("docs");
    let made =
        tfplugin_rs::docs::pages(&RingfenceProvider, &root.join("examples"), &root.join("templates/docs")).unwrap();
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        write(&docs, &made);
    }
    let committed = read(&docs);
    let differing: Vec<&PathBuf> = made.keys().filter(|page| made.get(*page) != committed.get(*page)).collect();
    let left_over: Vec<&PathBuf> = committed.keys().filter(|page| !made.contains_key(*page)).collect();
    assert!(
        differing.is_empty() && left_over.is_empty(),
        "run `make docs`: these pages in docs/ are not what the schema says: {differing:?}, and nothing makes these: \
         {left_over:?}"
    );
}

/// The pages that are there, by their path in the directory.
fn read(docs: &Path) -> BTreeMap<PathBuf, String> {
    let mut paths = vec![PathBuf::from("index.md")];
    for folder in FOLDERS {
        let entries = std::fs::read_dir(docs.join(folder)).into_iter().flatten();
        paths.extend(entries.map(|entry| Path::new(folder).join(entry.unwrap().file_name())));
    }
    paths.into_iter().filter_map(|path| Some((path.clone(), std::fs::read_to_string(docs.join(path)).ok()?))).collect()
}

/// Writes the pages and removes what nothing makes.
fn write(docs: &Path, made: &BTreeMap<PathBuf, String>) {
    for page in read(docs).into_keys().filter(|page| !made.contains_key(page)) {
        std::fs::remove_file(docs.join(page)).unwrap();
    }
    for (page, text) in made {
        let path = docs.join(page);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}
