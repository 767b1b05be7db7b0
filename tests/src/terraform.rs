//! The real `terraform`, with the provider that was just built and nothing else.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::head::TOKEN;
use crate::sandbox::program;

/// A directory with a configuration.
#[derive(Debug, Clone)]
pub struct Terraform {
    directory: PathBuf,
    token: Option<String>,
    release: Option<PathBuf>,
    environment: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The exit code; -1 for a signal.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Outcome {
    /// The outcome of a command that must succeed.
    #[track_caller]
    pub fn expect(self, what: &str) -> Self {
        assert!(self.code == 0, "{what} failed ({}):\n{}\n{}", self.code, self.stdout, self.stderr);
        self
    }

    /// The errors of a command that must fail, with line breaks and frames smoothed.
    #[track_caller]
    pub fn expect_error(self, what: &str) -> String {
        assert!(self.code == 1, "{what} should have failed ({}):\n{}\n{}", self.code, self.stdout, self.stderr);
        smoothed(&self.stderr)
    }

    /// What was printed, warnings included, with line breaks and frames smoothed.
    pub fn words(&self) -> String {
        smoothed(&self.stdout)
    }

    /// What was printed, as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

impl Terraform {
    /// Uses the configuration in this directory, with the token of tests.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), token: Some(TOKEN.to_owned()), release: None, environment: Vec::new() }
    }

    /// The same with another token, or none.
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(ToOwned::to_owned), ..self.clone() }
    }

    /// The same with the programs of another directory.
    pub fn with_programs(&self, directory: &Path) -> Self {
        Self { release: Some(directory.to_owned()), ..self.clone() }
    }

    /// The same with another variable in its environment.
    pub fn with_env(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other.environment.push((name.to_owned(), value.to_owned()));
        other
    }

    /// Replaces the configuration.
    pub fn write(&self, configuration: &str) {
        std::fs::create_dir_all(&self.directory).expect("the configuration's directory");
        std::fs::write(self.directory.join("main.tf"), configuration).expect("the configuration");
    }

    /// Runs `validate`.
    pub async fn validate(&self) -> Outcome {
        self.run(&["validate"]).await
    }

    /// Runs `plan`. The code is 0 for no changes and 2 for changes.
    pub async fn plan(&self, more: &[&str]) -> Outcome {
        self.run(&[&["plan", "-detailed-exitcode", "-input=false"], more].concat()).await
    }

    /// Runs `apply` without asking.
    pub async fn apply(&self, more: &[&str]) -> Outcome {
        self.run(&[&["apply", "-auto-approve", "-input=false"], more].concat()).await
    }

    /// Runs `destroy` without asking.
    pub async fn destroy(&self, more: &[&str]) -> Outcome {
        self.run(&[&["destroy", "-auto-approve", "-input=false"], more].concat()).await
    }

    /// The state, as JSON.
    pub async fn show(&self) -> Value {
        self.run(&["show", "-json"]).await.expect("show").json()
    }

    /// The attributes of one resource in the state; null if it is not there.
    pub async fn attributes(&self, address: &str) -> Value {
        let state = self.show().await;
        let resources = state["values"]["root_module"]["resources"].as_array().cloned().unwrap_or_default();
        let found = resources.into_iter().find(|resource| resource["address"] == address);
        found.map_or(Value::Null, |resource| resource["values"].clone())
    }

    /// Puts another state in its place.
    pub async fn push(&self, state: &str) {
        let file = self.directory.join("pushed.tfstate");
        std::fs::write(&file, state).expect("the directory is there");
        self.run(&["state", "push", "-force", &file.display().to_string()]).await.expect("push");
    }

    /// The addresses in the state.
    pub async fn addresses(&self) -> Vec<String> {
        let listed = self.run(&["state", "list"]).await;
        listed.stdout.lines().map(ToOwned::to_owned).collect()
    }

    /// Runs any command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Outcome {
        let began = Instant::now();
        let output = self.command(arguments).output().await.expect("terraform 1.8 or newer is on the PATH");
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            took: began.elapsed(),
        }
    }

    /// Starts a command in a process group of its own, for tests that interrupt it.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("terraform 1.8 or newer is on the PATH")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let provider = match &self.release {
            Some(directory) => directory.join("terraform-provider-ringfence"),
            None => program("terraform-provider-ringfence"),
        };
        let programs = provider.parent().expect("a program lies in a directory").display();
        let settings =
            format!("provider_installation {{\n  dev_overrides {{ \"ringfence/ringfence\" = \"{programs}\" }}\n}}\n");
        let file = self.directory.join(".terraformrc");
        std::fs::write(&file, settings).expect("the settings of terraform");
        // What a provider that is killed leaves behind goes with the directory.
        let temporary = self.directory.join("tmp");
        std::fs::create_dir_all(&temporary).expect("a directory for temporary files");
        let mut command = Command::new(executable());
        command
            .current_dir(&self.directory)
            .env("TMPDIR", temporary)
            .args(arguments)
            .args(["-no-color"].iter().filter(|_| takes_no_color(arguments)))
            .env("TF_CLI_CONFIG_FILE", file)
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .env_remove("RINGFENCE_TOKEN")
            .stdin(Stdio::null())
            .envs(self.environment.iter().cloned())
            .kill_on_drop(true);
        if let Some(token) = &self.token {
            command.env("RINGFENCE_TOKEN", token);
        }
        command
    }
}

fn smoothed(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().filter(|word| !matches!(*word, "│" | "╷" | "╵")).collect();
    words.join(" ")
}

/// `terraform`, or what TERRAFORM names, such as `tofu`.
#[allow(clippy::disallowed_methods, reason = "which of the two programs is used is the user's choice")]
pub fn executable() -> String {
    std::env::var("TERRAFORM").unwrap_or_else(|_| "terraform".to_owned())
}

fn takes_no_color(arguments: &[&str]) -> bool {
    matches!(arguments.first(), Some(&"validate" | &"plan" | &"apply" | &"destroy" | &"import" | &"refresh"))
}
