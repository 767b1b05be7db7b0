//! The arrows between the modules of each package, read from its `use` lines and paths.
//!
//! - Modules of one level use each other in one direction: there is no cycle among them. A module and what is inside it
//!   are not of one level, so a folder's file may use its parts and they may use what it defines.
//! - The daemon has floors: a module uses what is on lower floors and on its own, never what is on a higher one.
//!
//! A name that a module only passes on (`pub use`) counts as the module that defines it. What is compiled for tests
//! only does not count: a test may look at everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

use super::{none, root, workspace};

/// The floors of the daemon that are not nouns', the lowest first. Every other module is a noun.
const BELOW_NOUNS: &[&[&str]] = &[&["base"], &["access"]];
const ABOVE_NOUNS: &[&str] = &["command", "config", "daemon", "http", "logging", "serve", "service_manager", "tasks"];

/// The package that has floors.
const FLOORED: &str = "ringfenced";

/// A module's path from the root of its package; empty for the root.
type Module = Vec<String>;

/// What a file says of others.
#[derive(Default)]
struct Said {
    /// Every path that it names, absolute.
    paths: Vec<Module>,
    /// Names that it passes on, and what they stand for.
    passed_on: BTreeMap<String, Module>,
}

/// An arrow between two modules of one level, with the files that it was found in.
type Arrows = BTreeMap<Module, BTreeMap<(String, String), (Module, Module)>>;

#[test]
fn modules_of_one_level_have_no_cycle() {
    let mut broken = Vec::new();
    for (package, source) in sources() {
        for (level, arrows) in arrows(&source) {
            for cycle in cycles(arrows.keys()) {
                let inside = |(from, to): &&(String, String)| cycle.contains(from) && cycle.contains(to);
                let found = arrows.iter().filter(|(arrow, _)| inside(arrow)).map(|((from, to), (at, what))| {
                    format!("  {from} → {to}: {} uses {}", at.join("::"), what.join("::"))
                });
                let place = if level.is_empty() { "its root".to_owned() } else { level.join("::") };
                broken.push(format!(
                    "{package}, in {place}: {} use one another in a cycle; move what they share below them\n{}",
                    cycle.iter().cloned().collect::<Vec<_>>().join(", "),
                    found.collect::<Vec<_>>().join("\n")
                ));
            }
        }
    }
    none(&broken);
}

#[test]
fn no_module_of_the_daemon_uses_a_higher_floor() {
    let floor_of = |name: &str| {
        let nouns = BELOW_NOUNS.len();
        let above = if ABOVE_NOUNS.contains(&name) { nouns + 1 } else { nouns };
        BELOW_NOUNS.iter().position(|floor| floor.contains(&name)).unwrap_or(above)
    };
    let (_, source) = sources().into_iter().find(|(package, _)| package == FLOORED).expect("the daemon is there");
    let mut broken = Vec::new();
    for ((from, to), (at, what)) in arrows(&source).remove(&Vec::new()).unwrap_or_default() {
        if floor_of(&from) < floor_of(&to) {
            broken.push(format!(
                "{from} uses {to}, which is on a higher floor: {} uses {}; pass it in, or move it down",
                at.join("::"),
                what.join("::")
            ));
        }
    }
    none(&broken);
}

#[test]
fn every_file_is_a_module_of_its_package() {
    let mut broken = Vec::new();
    for (package, source) in sources() {
        let mut known = BTreeSet::new();
        for root in ["lib.rs", "main.rs"].map(|name| source.join(name)).into_iter().filter(|root| root.exists()) {
            declared(&root, true, &mut known);
        }
        for file in super::rust_files().map(|file| root().join(file)).filter(|file| file.starts_with(&source)) {
            if !known.contains(&file) && !file.starts_with(source.join("bin")) {
                broken.push(format!("{}: no module of {package} declares it: remove it", file.display()));
            }
        }
    }
    none(&broken);
}

/// A file, and those of all modules that it declares.
fn declared(file: &Path, is_root: bool, known: &mut BTreeSet<PathBuf>) {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    known.insert(file.to_owned());
    let folder = if is_root { file.parent().expect("a folder").to_owned() } else { file.with_extension("") };
    for item in syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())).items {
        if let syn::Item::Mod(inner) = item
            && inner.content.is_none()
        {
            declared(&file_of(&inner, file, &folder), false, known);
        }
    }
}

#[test]
fn a_cycle_is_found_through_a_name_that_is_passed_on() {
    let directory = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a; mod b; mod c; pub use a::Thing; pub mod prelude { pub use crate::Thing; }");
    write("a.rs", "mod inner; pub use inner::Thing; #[cfg(test)] mod tests { use crate::c::Other; }");
    write("a/inner.rs", "pub struct Thing(crate::b::Part);");
    write("b.rs", "use crate::a::Thing; pub struct Part; fn f(_: Thing) {}");
    write("c.rs", "pub struct Other(crate::Thing);");
    let root = arrows(directory.path()).remove(&Vec::new()).unwrap();
    let found: Vec<_> = root.keys().map(|(from, to)| format!("{from}{to}")).collect();
    assert_eq!(found, ["ab", "ba", "ca"], "and not ac, which is a test's");
    assert_eq!(cycles(root.keys()), [BTreeSet::from(["a".to_owned(), "b".to_owned()])]);
}

/// Each package of the workspace with the folder of its sources.
fn sources() -> Vec<(String, PathBuf)> {
    let packages = workspace();
    let sources = packages.workspace_packages().into_iter().map(|package| {
        let folder = package.manifest_path.parent().expect("a manifest lies in a folder").join("src");
        (package.name.to_string(), folder.into_std_path_buf())
    });
    let sources: Vec<_> = sources.collect();
    assert!(sources.iter().all(|(_, folder)| folder.starts_with(root())));
    sources
}

/// The arrows between modules of one level, by the level that they are in.
fn arrows(source: &Path) -> Arrows {
    let mut files = BTreeMap::new();
    for root in ["lib.rs", "main.rs"].map(|name| source.join(name)).into_iter().filter(|root| root.exists()) {
        collect(&root, &Vec::new(), &mut files);
    }
    let said: BTreeMap<&Module, Said> =
        files.iter().map(|(module, file)| (module, listen(module, file, &files))).collect();
    let mut arrows = Arrows::new();
    for (module, Said { paths, .. }) in &said {
        for path in paths {
            let target = resolve(path, &said, 0);
            let common = module.iter().zip(&target).take_while(|(one, other)| one == other).count();
            if let (Some(from), Some(to)) = (module.get(common), target.get(common)) {
                let level = arrows.entry(module[..common].to_vec()).or_default();
                level.entry((from.clone(), to.clone())).or_insert_with(|| ((*module).clone(), target.clone()));
            }
        }
    }
    arrows
}

/// Parses a file and those of its modules that are not for tests only.
fn collect(file: &Path, module: &Module, files: &mut BTreeMap<Module, syn::File>) {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let is_root = module.is_empty();
    let folder = if is_root { file.parent().expect("a folder").to_owned() } else { file.with_extension("") };
    for item in &parsed.items {
        if let syn::Item::Mod(inner) = item
            && inner.content.is_none()
            && !is_for_tests(&inner.attrs)
        {
            let name = inner.ident.to_string();
            let below = file_of(inner, file, &folder);
            let path = module.iter().cloned().chain([name]).collect();
            collect(&below, &path, files);
        }
    }
    // A program beside a library of the same package adds its own modules to the root.
    files.entry(module.clone()).and_modify(|known| known.items.extend(parsed.items.clone())).or_insert(parsed);
}

/// Where a module's file is: in the folder of the module that declares it, unless it is said.
fn file_of(module: &syn::ItemMod, declared_in: &Path, folder: &Path) -> PathBuf {
    let said = module.attrs.iter().find_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    match said {
        Some(said) => declared_in.parent().expect("a folder").join(said),
        None => folder.join(format!("{}.rs", module.ident)),
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
    })
}

/// What a file names.
fn listen(module: &Module, file: &syn::File, files: &BTreeMap<Module, syn::File>) -> Said {
    let mut listener = Listener { module, files, said: Said::default() };
    listener.visit_file(file);
    listener.said
}

struct Listener<'a> {
    module: &'a Module,
    files: &'a BTreeMap<Module, syn::File>,
    said: Said,
}

impl Listener<'_> {
    /// The path from the root of the package, if it is of the package.
    fn absolute(&self, path: &[String]) -> Option<Module> {
        let first = path.first()?;
        let beside = |skip: usize, up: usize| {
            let kept = self.module.len().checked_sub(up)?;
            Some(self.module[..kept].iter().chain(&path[skip..]).cloned().collect())
        };
        match first.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => beside(1, 0),
            "super" => {
                let up = path.iter().take_while(|segment| *segment == "super").count();
                beside(up, up)
            }
            name => {
                let child: Module = self.module.iter().cloned().chain([name.to_owned()]).collect();
                if self.files.contains_key(&child) { beside(0, 0) } else { None }
            }
        }
    }

    fn use_tree(&mut self, tree: &syn::UseTree, before: &[String], is_passed_on: bool) {
        let with = |name: &syn::Ident| before.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(path) => self.use_tree(&path.tree, &with(&path.ident), is_passed_on),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.use_tree(tree, before, is_passed_on));
            }
            syn::UseTree::Name(name) if name.ident == "self" => self.note(before, None),
            syn::UseTree::Name(name) => {
                self.note(&with(&name.ident), is_passed_on.then(|| name.ident.to_string()));
            }
            syn::UseTree::Rename(rename) => {
                self.note(&with(&rename.ident), is_passed_on.then(|| rename.rename.to_string()));
            }
            syn::UseTree::Glob(_) => self.note(before, None),
        }
    }

    fn note(&mut self, path: &[String], passed_on_as: Option<String>) {
        let Some(path) = self.absolute(path) else { return };
        match passed_on_as {
            // A prelude inside the file says again what the file itself passes on.
            Some(name) if path.split_last().is_some_and(|(last, before)| *last == name && before == self.module) => {}
            // Whoever uses the name uses what it stands for; passing it on is no use of it.
            Some(name) => drop(self.said.passed_on.insert(name, path)),
            None => self.said.paths.push(path),
        }
    }
}

impl<'ast> Visit<'ast> for Listener<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Const(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_passed_on = !matches!(item.vis, syn::Visibility::Inherited);
        self.use_tree(&item.tree, &[], is_passed_on);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.note(&segments, None);
        }
        visit::visit_path(self, path);
    }
}

/// The module that defines what a path names, followed through names that are passed on.
fn resolve(path: &Module, said: &BTreeMap<&Module, Said>, depth: usize) -> Module {
    let length = (0..=path.len()).rev().find(|length| said.contains_key(&path[..*length].to_vec())).unwrap_or(0);
    let module = path[..length].to_vec();
    let next = path.get(length).and_then(|name| said.get(&module)?.passed_on.get(name));
    match next {
        Some(target) if depth < 8 => {
            let rest = path[length + 1..].iter().cloned();
            resolve(&target.iter().cloned().chain(rest).collect(), said, depth + 1)
        }
        _ => module,
    }
}

/// The modules that reach one another, in groups of two or more.
fn cycles<'a>(arrows: impl Iterator<Item = &'a (String, String)>) -> Vec<BTreeSet<String>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in arrows {
        next.entry(from).or_default().insert(to);
    }
    let reach = |start: &str| {
        let (mut found, mut todo) = (BTreeSet::new(), vec![start.to_owned()]);
        while let Some(module) = todo.pop() {
            for target in next.get(module.as_str()).into_iter().flatten() {
                if found.insert((*target).to_owned()) {
                    todo.push((*target).to_owned());
                }
            }
        }
        found
    };
    let reached: BTreeMap<String, BTreeSet<String>> =
        next.keys().map(|from| ((*from).to_owned(), reach(from))).collect();
    let mut groups = BTreeSet::new();
    for (module, reaches) in &reached {
        if reaches.contains(module) {
            let group = reaches.iter().filter(|other| reached.get(*other).is_some_and(|back| back.contains(module)));
            groups.insert(group.cloned().collect());
        }
    }
    groups.into_iter().collect()
}
