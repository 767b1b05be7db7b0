//! `ringfenced inspect`: shows what the daemon holds, as tables or as JSON. Read-only.

use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use ringfence_api::authority::Authority;
use ringfence_api::certificate::Certificate;
use ringfence_api::cluster::Cluster;
use ringfence_api::inspect::{AuditEntry, Saga, Task};
use ringfence_api::route::Route;
use ringfence_api::{authority::route as authority, cluster::route as cluster, inspect::route as inspect};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::command::operator::Operator;
use crate::command::output::print;

/// Show what the daemon holds.
#[derive(Debug, Args)]
pub struct Inspect {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The cluster and its nodes
    Nodes(Options),
    /// Roots and intermediates
    Authorities(Options),
    /// Certificates, newest first
    Certificates(ListOptions),
    /// Multi-step operations, newest first
    Sagas(ListOptions),
    /// Background tasks
    Tasks(Options),
    /// The audit log, newest first
    Audit(ListOptions),
}

#[derive(Debug, Args)]
struct Options {
    #[command(flatten)]
    operator: Operator,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ListOptions {
    #[command(flatten)]
    options: Options,
    /// The maximum number of rows
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

impl Inspect {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.what {
            What::Nodes(options) => show(&options, &cluster::READ_CLUSTER, "", nodes).await,
            What::Tasks(options) => show(&options, &inspect::LIST_TASKS, "", tasks).await,
            What::Authorities(options) => show(&options, &authority::LIST_AUTHORITIES, "", authorities).await,
            What::Certificates(list) => list.show(&authority::LIST_CERTIFICATES, certificates).await,
            What::Sagas(list) => list.show(&inspect::LIST_SAGAS, sagas).await,
            What::Audit(list) => list.show(&inspect::LIST_AUDIT, audit).await,
        }
    }
}

impl ListOptions {
    async fn show<T: DeserializeOwned + Serialize>(
        &self,
        route: &Route<(), T>,
        table: fn(&T) -> (Table, Option<String>),
    ) -> anyhow::Result<()> {
        show(&self.options, route, &format!("limit={}", self.limit), table).await
    }
}

async fn show<T: DeserializeOwned + Serialize>(
    options: &Options,
    route: &Route<(), T>,
    query: &str,
    table: fn(&T) -> (Table, Option<String>),
) -> anyhow::Result<()> {
    let value: T = options.operator.client()?.list(route, query).await?;
    if options.json {
        print(serde_json::to_string_pretty(&value)?)?;
        return Ok(());
    }
    let (table, remark) = table(&value);
    print(table)?;
    if let Some(remark) = remark {
        print(remark)?;
    }
    Ok(())
}

fn nodes(cluster: &Cluster) -> (Table, Option<String>) {
    let mut table = table(&["NODE", "STATE", "HOLDS", "SERIAL", "UNTIL", "REPORTED", "FAULT"]);
    for node in &cluster.nodes {
        let first = [node.name.to_string(), node.state.as_str().to_owned()];
        let last = [time(node.reported_at), node.fault.clone().unwrap_or_default()];
        let held: Vec<[String; 3]> = node
            .certificates
            .iter()
            .map(|held| {
                let holder = held.service.as_ref().map_or("(node)".to_owned(), ToString::to_string);
                [holder, held.serial.clone(), time(Some(held.not_after))]
            })
            .collect();
        let none = [String::new(), String::new(), String::new()];
        let rows = if held.is_empty() { vec![none] } else { held };
        for (index, held) in rows.into_iter().enumerate() {
            let blank = |text: &String| if index == 0 { text.clone() } else { String::new() };
            table.add_row(first.iter().map(blank).chain(held).chain(last.iter().map(blank)));
        }
    }
    let state = serde_json::to_value(cluster.state).ok().and_then(|state| state.as_str().map(ToOwned::to_owned));
    let remark = format!("cluster {} ({}) is {}", cluster.name, cluster.id, state.unwrap_or_default());
    let faults = cluster.faults.iter().map(|fault| format!("fault: {fault}"));
    (table, Some([remark].into_iter().chain(faults).collect::<Vec<_>>().join("\n")))
}

fn authorities(authorities: &Vec<Authority>) -> (Table, Option<String>) {
    let mut table = table(&["AUTHORITY", "STATE", "SIGNED BY", "SINCE", "UNTIL", "REMARK"]);
    for authority in authorities {
        let remark = match (authority.distrusted_at, authority.rotation_requested_at) {
            (Some(at), _) => format!("distrusted {}", time(Some(at))),
            (None, Some(at)) => format!("successor requested {}", time(Some(at))),
            (None, None) => String::new(),
        };
        table.add_row([
            authority.id.clone(),
            authority.state.as_str().to_owned(),
            authority.parent.clone(),
            time(authority.retired_at.or(authority.activated_at).or(Some(authority.created_at))),
            time(Some(authority.not_after)),
            remark,
        ]);
    }
    (table, None)
}

fn certificates(certificates: &Vec<Certificate>) -> (Table, Option<String>) {
    let mut table = table(&["SERIAL", "ISSUER", "PROFILE", "HOLDER", "NAME", "SERVICE", "ISSUED", "UNTIL", "REVOKED"]);
    for certificate in certificates {
        let revoked = certificate.revoked_at.map(|at| {
            let reason = certificate.revocation_reason.map_or("", ringfence_api::certificate::RevocationReason::as_str);
            format!("{} {reason}", time(Some(at)))
        });
        table.add_row([
            certificate.serial.clone(),
            certificate.issuer.clone(),
            certificate.profile.as_str().to_owned(),
            certificate.holder.as_str().to_owned(),
            certificate.common_name.clone(),
            certificate.service.clone().unwrap_or_default(),
            time(Some(certificate.issued_at)),
            time(Some(certificate.not_after)),
            revoked.unwrap_or_default(),
        ]);
    }
    (table, None)
}

fn sagas(sagas: &Vec<Saga>) -> (Table, Option<String>) {
    let mut table = table(&["SAGA", "KIND", "SUBJECT", "STATE", "LAST EVENT", "BEGAN", "ENDED"]);
    for saga in sagas {
        table.add_row([
            saga.id.clone(),
            saga.kind.clone(),
            saga.subject.clone(),
            saga.state.clone(),
            saga.last_event.clone().unwrap_or_default(),
            time(Some(saga.created_at)),
            time(saga.finished_at),
        ]);
    }
    (table, None)
}

fn tasks(tasks: &Vec<Task>) -> (Table, Option<String>) {
    let mut table = table(&["TASK", "PURPOSE", "EVERY", "RUNS", "LAST RUN", "LAST DID", "ERROR"]);
    for task in tasks {
        table.add_row([
            task.name.clone(),
            task.purpose.clone(),
            format!("{}s", task.period_seconds),
            task.runs.to_string(),
            time(task.last_run_at),
            task.last_status.clone().unwrap_or_default(),
            task.last_error.clone().unwrap_or_default(),
        ]);
    }
    (table, None)
}

fn audit(entries: &Vec<AuditEntry>) -> (Table, Option<String>) {
    let mut table = table(&["#", "WHEN", "WHO", "FROM", "DID", "TO", "OUTCOME"]);
    for entry in entries {
        table.add_row([
            entry.sequence.to_string(),
            time(Some(entry.at)),
            entry.actor.clone(),
            entry.source.clone(),
            entry.action.clone(),
            entry.object.clone(),
            entry.outcome.clone(),
        ]);
    }
    (table, None)
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    table
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}
