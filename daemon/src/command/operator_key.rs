//! `ringfenced operator-key`: prints the public key of an operator token, for the `serve.toml` of a head that Terraform
//! does not start. The token is not sent anywhere.

use std::path::PathBuf;

use clap::Args;

use crate::command::operator::read_token;
use crate::command::output::print;

/// Print the public key of the operator token, for serve.toml.
#[derive(Debug, Args)]
pub struct OperatorKeyCommand {
    /// A file that holds the operator token and that only you can read; the default is RINGFENCE_TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl OperatorKeyCommand {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        print(read_token(self.token_file.as_deref())?.key().public())?;
        Ok(())
    }
}
