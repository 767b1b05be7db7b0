//! The rules of the source tree that a compiler does not check, as tests that can fail.
//!
//! - **Arrows.** Which package may use which is a drawing; here it is a table. An arrow that is
//!   not drawn fails, and so does one that is drawn and not there.
//! - **Names.** A dangerous dependency is named in one package, so that SQL, X.509, protobuf and
//!   cloud SDKs each have one place where they are understood.
//! - **Graph.** What is compiled for this platform, with the features that are really on: one
//!   TLS stack, one runtime, licences we accept. The lock file alone says too much; it lists
//!   what a feature that is off would bring.
//! - **Modules.** Those of one level have no cycle, and the daemon has floors.
//! - **Text.** Where files lie, what they are called, how they open and what they never say.
//!
//! A failure names the package or file, the rule, and what to do.

#![allow(clippy::unwrap_used, reason = "in a test a broken expectation is a failure")]

mod modules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use spdx::{Expression, ParseMode};

/// All arrows between packages. A package that is not at the left is a leaf.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "terraform-provider-ringfence",
        &["tfplugin-rs", "ringfence-api", "ringfence-pki", "ringfence-place", "ringfence-policy"],
    ),
    (
        "ringfenced",
        &[
            "ringfence-agent",
            "ringfence-api",
            "ringfence-pki",
            "ringfence-place",
            "ringfence-policy",
            "ringfence-saga",
            "ringfence-store",
        ],
    ),
    ("ringfence-place", &["ringfence-policy"]),
    ("ringfence-store", &["ringfence-api", "ringfence-saga"]),
    ("ringfence-pki", &["ringfence-api"]),
    ("ringfence-agent", &["ringfence-api", "ringfence-pki"]),
    ("tfplugin-rs", &["tfplugin-derive"]),
];

/// May use every package, and no package may use it.
const TESTS: &str = "ringfence-tests";

/// Who alone may name a crate; `*` at the end stands for any ending.
const NAMED_BY: &[(&str, &[&str])] = &[
    ("sqlx", &["ringfence-store"]),
    // The plugin handshake needs one self-signed certificate, and the framework knows nothing of
    // our authority.
    ("rcgen", &["ringfence-pki", "tfplugin-rs"]),
    ("x509-parser", &["ringfence-pki"]),
    ("jsonwebtoken", &["ringfence-pki"]),
    ("tonic*", &["tfplugin-rs"]),
    ("prost*", &["tfplugin-rs"]),
    // The double of AWS is a server too, of another protocol.
    ("axum", &["ringfenced", "ringfence-aws-double"]),
    ("aws-sdk-*", &["ringfence-place"]),
    ("aws-config", &["ringfence-place"]),
    ("azure_*", &["ringfence-place"]),
];

/// Crates that are never compiled, and what is there instead.
const BANNED: &[(&str, &str)] = &[
    ("ring", "aws-lc-rs; ring cannot verify the P-521 certificates of Terraform's handshake"),
    ("openssl", "rustls"),
    ("openssl-sys", "rustls"),
    ("native-tls", "rustls"),
    ("async-std", "tokio"),
];

/// Crates of which two versions would be two runtimes or two TLS stacks that do not meet.
const SINGLE: &[&str] = &["aws-lc-rs", "hyper", "rustls", "tokio"];

/// Licences that ask for no more than a notice, or for changes to their own files.
const LICENSES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// The folders of the top level; hidden ones and `target` are free.
const TOP_LEVEL: &[&str] = &["daemon", "docs", "examples", "findings", "provider", "templates", "tests"];

/// What is never looked at, wherever it lies: git's and cargo's own, and what Terraform and the
/// demo leave behind, all of which `.gitignore` names.
const SKIPPED: &[&str] = &["target", ".git", ".terraform", ".terraform.lock.hcl", ".cluster"];

/// Written by a program and committed; it does not open as our files do.
const GENERATED: &[&str] = &["provider/tfplugin/src/proto/"];

/// Module names that say where something was put and not what it is.
const DRAWERS: &[&str] = &["utils", "util", "common", "manager", "helper", "helpers", "types", "misc"];

/// Modules whose subject has such a name.
const NOT_A_DRAWER: &[(&str, &str)] =
    &[("provider/tfplugin/src/value/types.rs", "Terraform's types are what it is about")];

/// What no file says, in lower case, and why. Cut in two so that this file does not say it.
const UNSAID: &[(&str, &str, &str)] = &[
    ("/wo", "rk/", "a path of the machine it was written on: use a relative path"),
    ("/tmp/", "target-", "a path of the machine it was written on: use a relative path"),
    ("crates", ".io", "a package registry host: the build works with any"),
    ("pypi", ".org", "a package registry host: the build works with any"),
    ("npmjs", ".org", "a package registry host: the build works with any"),
    ("proxy.golang", ".org", "a package registry host: the build works with any"),
    ("issue", " #", "an issue's number: say what is meant"),
    ("clau", "de", "a tool it was written with"),
    ("chat", "gpt", "a tool it was written with"),
];

/// Files that say so by their nature.
const MAY_SAY: &[&str] = &["Cargo.lock"];

#[test]
fn every_arrow_is_drawn() {
    let metadata = workspace();
    let mut broken = Vec::new();
    for package in metadata.workspace_packages() {
        for used in arrows_of(&metadata, package) {
            let from = package.name.as_str();
            if used == TESTS || (from != TESTS && !drawn(from).contains(&used.as_str())) {
                broken.push(format!(
                    "{from} uses {used}, an arrow that is not drawn: remove it from {}, or move the code",
                    package.manifest_path
                ));
            }
        }
    }
    none(&broken);
}

#[test]
fn every_drawn_arrow_is_there() {
    let metadata = workspace();
    let mut broken = Vec::new();
    for (from, tos) in ARROWS {
        let package = metadata.workspace_packages().into_iter().find(|package| package.name.as_str() == *from);
        let used = package.map(|package| arrows_of(&metadata, package)).unwrap_or_default();
        for to in tos.iter().filter(|to| !used.contains(**to)) {
            broken.push(format!("{from} does not use {to}: remove the arrow from the drawing and from this test"));
        }
    }
    none(&broken);
}

#[test]
fn a_dangerous_crate_is_named_in_one_place() {
    let mut broken = Vec::new();
    for package in workspace().workspace_packages() {
        let named = package.dependencies.iter().filter(|used| used.kind == DependencyKind::Normal);
        for used in named {
            let rule = NAMED_BY.iter().find(|(pattern, _)| matches(pattern, &used.name));
            if let Some((_, allowed)) = rule
                && package.name.as_str() != TESTS
                && !allowed.contains(&package.name.as_str())
            {
                broken.push(format!(
                    "{} names {}, which only {} may: ask that package for what you need",
                    package.name,
                    used.name,
                    allowed.join(" and ")
                ));
            }
        }
    }
    none(&broken);
}

#[test]
fn banned_crates_are_not_compiled() {
    let graph = resolved();
    let broken: Vec<_> = BANNED
        .iter()
        .filter(|(name, _)| graph.iter().any(|compiled| compiled.name == *name))
        .map(|(name, instead)| {
            format!(
                "{name} is compiled; use {instead}. `cargo tree --workspace --all-features -i {name}` shows \
                 who brings it"
            )
        })
        .collect();
    none(&broken);
}

#[test]
fn there_is_one_runtime_and_one_tls_stack() {
    let mut versions: BTreeMap<&str, BTreeSet<String>> = SINGLE.iter().map(|name| (*name, BTreeSet::new())).collect();
    for compiled in resolved() {
        if let Some(versions) = versions.get_mut(compiled.name.as_str()) {
            versions.insert(compiled.version);
        }
    }
    let broken: Vec<_> = versions
        .iter()
        .filter(|(_, versions)| versions.len() != 1)
        .map(|(name, versions)| {
            format!("{name} is compiled in the versions {versions:?} and not in exactly one: align who brings them")
        })
        .collect();
    none(&broken);
}

#[test]
fn every_licence_is_one_we_accept() {
    let broken: Vec<_> = resolved()
        .iter()
        .filter(|compiled| !is_accepted(&compiled.license))
        .map(|compiled| {
            format!(
                "{} {} is licensed `{}`, which we do not accept: use another crate, or accept the licence here",
                compiled.name, compiled.version, compiled.license
            )
        })
        .collect();
    none(&broken);
}

#[test]
fn our_packages_are_apache() {
    let metadata = workspace();
    let broken: Vec<_> = metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| package.license.as_deref() != Some("Apache-2.0"))
        .map(|package| format!("{}: write `license.workspace = true`", package.manifest_path))
        .collect();
    none(&broken);
}

#[test]
fn the_top_level_is_the_table_of_contents() {
    let broken: Vec<_> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && name != "target" && !TOP_LEVEL.contains(&name.as_str()))
        .map(|name| format!("{name}/ is not one of {TOP_LEVEL:?}: put it under the side that owns it"))
        .collect();
    none(&broken);
}

#[test]
fn no_file_says_what_is_never_said() {
    let mut broken = Vec::new();
    for file in files() {
        if MAY_SAY.contains(&file.as_str()) {
            continue;
        }
        let text = read(&file).to_lowercase();
        for (start, end, why) in UNSAID {
            let word = format!("{start}{end}");
            if let Some((before, _)) = text.split_once(&word) {
                let line = before.matches('\n').count() + 1;
                broken.push(format!("{file}:{line} says `{word}`, {why}"));
            }
        }
    }
    none(&broken);
}

#[test]
fn every_source_file_opens_with_a_header_that_argues() {
    let broken: Vec<_> = rust_files()
        .filter(|file| !GENERATED.iter().any(|folder| file.starts_with(folder)))
        .filter(|file| !read(file).starts_with("//!"))
        .map(|file| format!("{file} does not open with `//!`: say what it is and what it guarantees"))
        .collect();
    none(&broken);
}

#[test]
fn modules_are_named_for_what_they_are() {
    let mut broken = Vec::new();
    for file in rust_files() {
        let path = Path::new(&file);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
        if stem == "mod" {
            broken.push(format!("{file}: write `{folder}.rs` beside `{folder}/`"));
        }
        if NOT_A_DRAWER.iter().any(|(known, _)| *known == file) {
            continue;
        }
        for name in [stem, folder].into_iter().filter(|name| DRAWERS.contains(name)) {
            broken.push(format!("{file}: `{name}` says where things were put; name the module for what it is"));
        }
    }
    none(&broken);
}

#[test]
fn a_licence_is_accepted_by_what_it_lets_us_choose() {
    for accepted in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_accepted(accepted), "{accepted}");
    }
    for refused in ["", "AGPL-3.0-only", "MIT AND GPL-2.0-only", "Proprietary"] {
        assert!(!is_accepted(refused), "{refused}");
    }
}

fn workspace() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo reads its own workspace")
}

/// The packages of this workspace that `package` uses, in whatever way.
fn arrows_of(metadata: &Metadata, package: &Package) -> BTreeSet<String> {
    let ours: BTreeSet<&str> = metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let used = package.dependencies.iter().map(|used| used.name.clone());
    used.filter(|name| ours.contains(name.as_str())).collect()
}

fn drawn(from: &str) -> &'static [&'static str] {
    ARROWS.iter().find(|(package, _)| *package == from).map_or(&[], |(_, tos)| tos)
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// A package that is really compiled.
struct Compiled {
    name: String,
    version: String,
    license: String,
}

/// Everything that is compiled for this platform, tests and build scripts included. `cargo tree`
/// resolves features as a build does; the graph in `cargo metadata` also follows optional
/// dependencies that no enabled feature asks for.
fn resolved() -> Vec<Compiled> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--all-features", "--edges", "normal,build,dev", "--prefix", "none"])
        .args(["--format", "{p}|{l}"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let lines: BTreeSet<&str> = text.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    let compiled: Vec<_> = lines
        .into_iter()
        .filter_map(|line| {
            let (package, license) = line.split_once('|')?;
            let mut words = package.split_whitespace();
            let (name, version) = (words.next()?.to_owned(), words.next()?.to_owned());
            Some(Compiled { name, version, license: license.to_owned() })
        })
        .collect();
    assert!(compiled.iter().any(|package| package.name == TESTS), "cargo tree is not understood: {text}");
    compiled
}

fn is_accepted(license: &str) -> bool {
    Expression::parse_mode(license, ParseMode::LAX).is_ok_and(|expression| {
        expression.evaluate(|term| term.license.id().is_some_and(|id| LICENSES.contains(&id.name)))
    })
}

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("this package lies in the workspace").to_owned()
}

/// Every file of the tree, as a path from the root.
fn files() -> Vec<String> {
    fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
        // Other tests write and remove while this one looks, so what vanishes is not an error.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if SKIPPED.contains(&name.as_ref()) || name.starts_with("terraform.tfstate") {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => walk(&entry.path(), files),
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }

    let root = root();
    let mut files = Vec::new();
    walk(&root, &mut files);
    let mut files: Vec<_> =
        files.iter().filter_map(|file| Some(file.strip_prefix(&root).ok()?.to_string_lossy().into_owned())).collect();
    files.sort();
    assert!(files.iter().any(|file| file == "tests/tests/policy/main.rs"), "the tree was not found");
    files
}

fn rust_files() -> impl Iterator<Item = String> {
    files().into_iter().filter(|file| Path::new(file).extension().is_some_and(|extension| extension == "rs"))
}

fn read(file: &str) -> String {
    String::from_utf8_lossy(&fs::read(root().join(file)).unwrap_or_default()).into_owned()
}

fn none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}
