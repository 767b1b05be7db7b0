//! `ringfenced policy`: AWS policies for people: what one allows, and which known holes it has. Any policy, ours or not.

use std::io::{Read as _, stdout};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use ringfence_policy::aws::{Document, Explained, explain, harmless, read_policy};
use serde_json::json;

/// Read AWS policies.
#[derive(Debug, Args)]
pub struct Policy {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Tell what policies allow, and which known holes they have. Several files are one role's policies together
    Explain(Explain),
}

#[derive(Debug, Args)]
struct Explain {
    /// Policies in JSON, as IAM writes them; `-` for standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
    /// End with 1 when a known hole is open
    #[arg(long)]
    check: bool,
}

impl Policy {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let What::Explain(Explain { files, json, check }) = self.what;
        let policies = files.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
        let explained = explain(&policies);
        let text = if json { in_json(&explained) } else { in_tables(&explained) };
        // A reader such as `head` may have seen enough.
        match std::io::Write::write_all(&mut stdout(), text.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
            _ => {}
        }
        if check && !explained.holes.is_empty() {
            std::process::exit(1);
        }
        Ok(())
    }
}

fn read(path: &PathBuf) -> anyhow::Result<Document> {
    let name = path.display();
    let text = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.with_context(|| format!("cannot read {name}"))?;
    read_policy(&text).with_context(|| format!("cannot explain {name}"))
}

fn in_json(explained: &Explained) -> String {
    let holes: Vec<_> = explained
        .holes
        .iter()
        .map(|found| {
            json!({
                "name": found.name,
                "what": found.what,
                "statements": found.statements,
                "fix": found.fix,
            })
        })
        .collect();
    let Explained { statements, known, untried, size, .. } = explained;
    let all = json!({ "statements": statements, "holes": holes, "known": known, "untried": untried, "size": size });
    format!("{all:#}\n")
}

/// What a look at policies alone does not tell.
const NOT_JUDGED: &str =
    "not judged: what else they allow, a permissions boundary, and policies of resources and of the organization";

/// More actions than this are not named.
const FEW: usize = 12;

/// What was not looked at: actions that no attempt uses, besides those that list and describe, and what is never looked at.
fn not_judged(explained: &Explained) -> String {
    let reads = |action: &str| {
        action.split_once(':').is_some_and(|(_, name)| ["Describe", "List"].iter().any(|read| name.starts_with(read)))
    };
    let untried: Vec<String> =
        explained.untried.iter().filter(|action| !reads(action)).map(|action| harmless(action)).collect();
    let more = match untried.len().saturating_sub(FEW) {
        0 => String::new(),
        more => format!(" and {more} more, which --json names"),
    };
    let named = untried.iter().take(FEW).cloned().collect::<Vec<_>>().join(", ");
    let untried = if named.is_empty() { named } else { format!("no attempt uses {named}{more}\n") };
    format!("{untried}{NOT_JUDGED}")
}

fn in_tables(explained: &Explained) -> String {
    let mut statements = table(&["STATEMENT", "EFFECT", "ACTIONS", "ON", "ONLY IF"]);
    for statement in &explained.statements {
        let on = if statement.principals.is_empty() {
            statement.resources.join("\n")
        } else {
            format!("by {}\n{}", statement.principals.join(", "), statement.resources.join("\n"))
        };
        let cells = [
            statement.sid.clone(),
            statement.effect.to_owned(),
            statement.actions.join("\n"),
            on,
            statement.conditions.join("\n"),
        ];
        statements.add_row(cells.map(|cell| harmless(&cell)));
    }
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let summary = format!(
        "{}, {} as IAM counts them",
        counted(explained.statements.len(), "statement"),
        counted(explained.size, "character")
    );
    let (known, not_judged) = (explained.known, not_judged(explained));
    if explained.holes.is_empty() {
        return format!("{statements}\n{summary}\nnone of the {known} known holes is open\n{not_judged}\n");
    }
    let mut holes = table(&["KNOWN HOLE", "AN ATTACKER CAN", "THROUGH", "CLOSE IT WITH"]);
    for found in &explained.holes {
        let through = harmless(&found.statements.join(", "));
        holes.add_row([found.name, found.what, &through, found.fix]);
    }
    let open = explained.holes.len();
    let are = if open == 1 { "is" } else { "are" };
    format!("{statements}\n{summary}\n\n{holes}\n{open} of the {known} known holes {are} open\n{not_judged}\n")
}

fn table(headers: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headers.to_vec());
    table
}
