//! The command line: one file per command.

mod agent;
mod api_document;
mod audit;
mod backup;
mod ca;
mod credentials;
mod encryption;
mod inspect;
mod login;
mod operator;
mod operator_key;
mod output;
mod policy;
mod restore;
mod rotate;
mod serve;
#[cfg(feature = "aws")]
mod verify;
#[cfg(not(feature = "aws"))]
mod verify_absent;

use clap::{Parser, Subcommand};

#[cfg(feature = "aws")]
use verify::Verify;
#[cfg(not(feature = "aws"))]
use verify_absent::Verify;

pub use output::OutputError;

/// The version, and how the program was built: without the SDKs of clouds it cannot speak to them.
const VERSION: &str = if cfg!(feature = "aws") {
    concat!(env!("CARGO_PKG_VERSION"), " (with aws)")
} else {
    concat!(env!("CARGO_PKG_VERSION"), " (without aws)")
};

/// The daemon of a ringfence cluster, the agent on its nodes, and an operator's tools.
#[derive(Debug, Parser)]
#[command(name = "ringfenced", version = VERSION, max_term_width = 100)]
pub struct CommandLine {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve a cluster: its authority, its projects, its nodes
    Serve(serve::Serve),
    /// Back up a cluster while its daemon runs, encrypted
    Backup(backup::Backup),
    /// Restore a cluster from a backup
    Restore(restore::Restore),
    /// Keep one node's certificates, CRLs and trust bundle fresh
    Agent(agent::Agent),
    /// Show nodes, certificates, authorities, sagas, tasks and the audit log
    Inspect(inspect::Inspect),
    /// Export the audit log, or verify an export
    Audit(audit::Audit),
    /// Rotate an authority, the keys that sign tokens, or what a node holds
    Rotate(rotate::Rotate),
    /// Operate an offline root, and import what it signs
    Ca(ca::Ca),
    /// Log in as the operator and print a session for curl
    Login(login::LoginCommand),
    /// Print the public key of the operator token, for serve.toml
    OperatorKey(operator_key::OperatorKeyCommand),
    /// Explain what an AWS policy allows, and which escalation paths it leaves open
    Policy(policy::Policy),
    /// Ask a cloud what a role there may do
    Verify(Verify),
    /// Write a project user's certificate and key to files
    Credentials(credentials::Credentials),
    /// Print the OpenAPI document
    ApiDocument,
}

impl Command {
    /// Runs the command to its end.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Serve(command) => command.run().await,
            Self::Backup(command) => command.run().await,
            Self::Restore(command) => command.run().await,
            Self::Agent(command) => command.run().await,
            Self::Inspect(command) => command.run().await,
            Self::Audit(command) => command.run().await,
            Self::Rotate(command) => command.run().await,
            Self::Ca(command) => command.run().await,
            Self::Login(command) => command.run().await,
            Self::OperatorKey(command) => command.run(),
            Self::Policy(command) => command.run(),
            Self::Verify(command) => command.run().await,
            Self::Credentials(command) => command.run().await,
            Self::ApiDocument => api_document::print(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    #[test]
    fn the_command_line_is_consistent() {
        super::CommandLine::command().debug_assert();
    }

    #[test]
    fn a_program_says_how_it_was_built() {
        let error = super::CommandLine::try_parse_from(["ringfenced", "--version"]).unwrap_err();
        let expected = if cfg!(feature = "aws") { "(with aws)" } else { "(without aws)" };
        assert!(error.to_string().contains(expected), "{error}");
        // What this build cannot do is no unknown command.
        let line = super::CommandLine::try_parse_from(["ringfenced", "verify", "aws", "--request", "x.json"]);
        assert!(matches!(line.unwrap().command, super::Command::Verify(_)));
    }

    /// The pages that tell people what to type.
    const PAGES: [(&str, &str); 4] = [
        ("README.md", include_str!("../../README.md")),
        ("aws-onboarding.md", include_str!("../../docs/guides/aws-onboarding.md")),
        ("getting-started.md", include_str!("../../docs/guides/getting-started.md")),
        ("operations.md", include_str!("../../docs/guides/operations.md")),
    ];

    /// The calls of `ringfenced` in a page's blocks of shell, in words.
    fn calls(page: &str) -> Vec<Vec<String>> {
        let blocks = page.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n"));
        let shell: Vec<String> = blocks.map(|block| block.replace("\\\n", " ")).collect();
        let lines = shell.iter().flat_map(|block| block.lines());
        let call = |line: &str| -> Vec<String> {
            let words = line.split_whitespace().skip_while(|word| *word != "ringfenced");
            let words = words.take_while(|word| !matches!(*word, "|" | ">" | "&&") && !word.starts_with('#'));
            // The pages leave open whose key it is.
            let key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
            words.map(|word| if word == "age1…" { key.to_owned() } else { word.to_owned() }).collect()
        };
        lines.map(call).filter(|words| !words.is_empty()).collect()
    }

    #[test]
    fn the_guides_call_what_there_is() {
        for (page, text) in PAGES {
            let calls = calls(text);
            assert!(!calls.is_empty(), "{page}");
            for call in calls {
                if let Err(error) = super::CommandLine::try_parse_from(&call) {
                    panic!("{page}: {}\n{error}", call.join(" "));
                }
            }
        }
    }

    #[test]
    fn the_units_of_systemd_start_what_there_is() {
        for unit in [
            include_str!("../../templates/systemd/ringfenced.service"),
            include_str!("../../templates/systemd/ringfenced-agent@.service"),
        ] {
            let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
            let line = super::CommandLine::try_parse_from(start.split(' '));
            assert!(matches!(line.unwrap().command, super::Command::Serve(_) | super::Command::Agent(_)), "{start}");
            assert!(unit.contains("\nType=notify\n") && unit.contains("\nWatchdogSec="), "{start}");
        }
    }
}
