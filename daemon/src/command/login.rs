//! `ringfenced login`: a session for curl and scripts.

use clap::Args;

use crate::command::operator::Operator;
use crate::command::output::print;

/// Log in as the operator.
#[derive(Debug, Args)]
pub struct LoginCommand {
    #[command(flatten)]
    operator: Operator,
    /// Print JSON, which includes the expiry of the session
    #[arg(long)]
    json: bool,
}

impl LoginCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let login = self.operator.client()?.login().await?;
        if self.json {
            print(serde_json::to_string(&login)?)?;
        } else {
            print(login.session)?;
        }
        Ok(())
    }
}
