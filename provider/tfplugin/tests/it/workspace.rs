//! A place to run a real Terraform in, with an example provider.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::client::example;

/// A working directory, with a provider installed or attached for it alone.
pub(crate) struct Workspace {
    root: TempDir,
    /// The name of the provider.
    provider: &'static str,
    /// The value of `TF_REATTACH_PROVIDERS`.
    attached: Option<String>,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        Self::of("note")
    }

    /// With the example of that name.
    pub(crate) fn of(provider: &'static str) -> Self {
        let root = tempfile::tempdir().unwrap();
        for directory in ["bin", "notes", "work", "tmp"] {
            std::fs::create_dir(root.path().join(directory)).unwrap();
        }
        let bin = root.path().join("bin");
        std::os::unix::fs::symlink(example(provider), bin.join(format!("terraform-provider-{provider}"))).unwrap();
        let settings = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"example.com/test/{provider}\" = \"{}\"\n  }}\n  \
             direct {{}}\n}}\n",
            bin.display()
        );
        std::fs::write(root.path().join("terraform.rc"), settings).unwrap();
        Self { root, provider, attached: None }
    }

    /// With no provider installed, so that only the attached one can be what serves.
    pub(crate) fn attached(line: &str) -> Self {
        let workspace = Self::new();
        std::fs::remove_file(workspace.root.path().join("bin/terraform-provider-note")).unwrap();
        Self { attached: Some(line.to_owned()), ..workspace }
    }

    pub(crate) fn notes(&self) -> PathBuf {
        self.root.path().join("notes")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.path().join("tmp")
    }

    pub(crate) fn configure(&self, body: &str) {
        let (provider, directory) = (self.provider, self.notes());
        let head = format!(
            r#"
            terraform {{
              required_providers {{
                {provider} = {{ source = "example.com/test/{provider}" }}
              }}
            }}
            provider "{provider}" {{
              directory = "{}"
            }}
            "#,
            directory.display()
        );
        std::fs::write(self.root.path().join("work/main.tf"), format!("{head}{body}")).unwrap();
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let root: &Path = self.root.path();
        Command::new("terraform")
            .args(arguments)
            .current_dir(root.join("work"))
            .env("TF_CLI_CONFIG_FILE", root.join("terraform.rc"))
            .env("CHECKPOINT_DISABLE", "1")
            .env("TMPDIR", root.join("tmp"))
            .env("TF_CLI_ARGS", "-no-color")
            .envs(self.attached.iter().map(|line| ("TF_REATTACH_PROVIDERS", line)))
            .output()
            .expect("terraform is on the path")
    }

    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = text(&output);
        assert!(output.status.success(), "{arguments:?}: {text}");
        text
    }

    #[track_caller]
    pub(crate) fn nothing_to_do(&self) {
        for arguments in [&["plan", "-detailed-exitcode", "-refresh=false"][..], &["plan", "-detailed-exitcode"]] {
            let output = self.run(arguments);
            assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output));
        }
    }
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
