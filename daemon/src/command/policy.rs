//! `ringfenced policy`: explains any AWS policy: what it allows, and which escalation paths it leaves open.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use ringfence_policy::aws::{Document, Explained, explain, harmless, read_policy};
use serde_json::json;

use crate::command::output::print_if_read;

/// Explain AWS policies.
#[derive(Debug, Args)]
pub struct Policy {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Explain what policies allow, and which escalation paths they leave open. Several files are treated as the
    /// policies of one role
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
    /// Exit with status 1 if there are findings
    #[arg(long)]
    check: bool,
}

impl Policy {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let What::Explain(Explain { files, json, check }) = self.what;
        let policies = files.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
        let explained = explain(&policies);
        let text = if json { in_json(&explained) } else { in_tables(&explained) };
        print_if_read(text.trim_end())?;
        if check && !explained.findings.is_empty() {
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
    let findings: Vec<_> = explained
        .findings
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
    let Explained { statements, paths_checked, not_assessed, size, .. } = explained;
    let all = json!({
        "statements": statements,
        "findings": findings,
        "paths_checked": paths_checked,
        "not_assessed": not_assessed,
        "size": size,
        // The former names of these three; the next version removes them.
        "holes": findings,
        "known": paths_checked,
        "untried": not_assessed,
    });
    format!("{all:#}\n")
}

/// What policies alone do not determine.
const OUT_OF_SCOPE: &str =
    "out of scope: what else they allow, a permissions boundary, and policies of resources and of the organization";

/// The maximum number of actions that are named.
const MAX_NAMED: usize = 12;

/// What was not assessed: actions that no escalation path uses, except those that only list and describe, and what is
/// out of scope.
fn not_assessed(explained: &Explained) -> String {
    let reads = |action: &str| {
        action.split_once(':').is_some_and(|(_, name)| ["Describe", "List"].iter().any(|read| name.starts_with(read)))
    };
    let rest: Vec<String> =
        explained.not_assessed.iter().filter(|action| !reads(action)).map(|action| harmless(action)).collect();
    let more = match rest.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more, which --json lists"),
    };
    let named = rest.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    let named = if named.is_empty() { named } else { format!("not assessed: {named}{more}\n") };
    format!("{named}{OUT_OF_SCOPE}")
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
    let (checked, not_assessed) = (explained.paths_checked, not_assessed(explained));
    if explained.findings.is_empty() {
        return format!("{statements}\n{summary}\nno findings: {checked} escalation paths checked\n{not_assessed}\n");
    }
    let mut findings = table(&["FINDING", "AN ATTACKER CAN", "THROUGH", "CLOSE IT WITH"]);
    for found in &explained.findings {
        let through = harmless(&found.statements.join(", "));
        findings.add_row([found.name, found.what, &through, found.fix]);
    }
    let found = counted(explained.findings.len(), "finding");
    format!("{statements}\n{summary}\n\n{findings}\n{found}: {checked} escalation paths checked\n{not_assessed}\n")
}

fn table(headers: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headers.to_vec());
    table
}
