//! `ringfenced credentials`: a project user's certificate and key, as files that curl and services read.

use std::path::PathBuf;

use clap::Args;
use ringfence_api::ProjectUser;
use ringfence_place::file::atomic_write;

use crate::command::operator::Operator;
use crate::command::output::print;

/// Write a project user's credentials.
#[derive(Debug, Args)]
pub struct Credentials {
    #[command(flatten)]
    operator: Operator,
    /// The project user, as PROJECT__USER
    #[arg(value_parser = ProjectUser::parse)]
    project_user: ProjectUser,
    /// The directory for ca.pem and the files, which are named after the project user
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

impl Credentials {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = self.operator.client()?;
        let ProjectUser { project, user } = &self.project_user;
        let credentials = client.member_credentials(project, user).await?;
        let file = |ending: &str| self.out.join(format!("{}.{ending}", self.project_user));
        atomic_write(&file("key"), credentials.private_key.as_bytes(), 0o600)?;
        atomic_write(&file("crt"), credentials.chain.as_bytes(), 0o644)?;
        atomic_write(&self.out.join("ca.pem"), client.connection().ca_certificate.as_bytes(), 0o644)?;
        print(format_args!("{} (valid until {})", file("crt").display(), credentials.not_after))?;
        print(file("key").display())?;
        print(self.out.join("ca.pem").display())?;
        Ok(())
    }
}
