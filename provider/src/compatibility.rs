//! Whoever uses the last version can use this one: no resource, attribute, function or argument goes, changes its type
//! or becomes required.
//!
//! `tests/schema-VERSION.json` is the schema of that version. A release adds what is new in it: `UPDATE=1` writes the
//! file anew, if nothing is broken.

use std::path::Path;

use tfplugin_rs::snapshot;

use crate::provider::RingfenceProvider;

/// The schema of the last version.
const LAST: &str = "tests/schema-0.1.json";

#[test]
fn the_schema_takes_nothing_away_from_the_last_version() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(LAST);
    let last: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let now = snapshot::of(&RingfenceProvider);
    let broken = snapshot::breaks(&last, &now);
    assert!(broken.is_empty(), "users of the version in {LAST} would lose this:\n{}", broken.join("\n"));
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        std::fs::write(&path, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
    }
}
