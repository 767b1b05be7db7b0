//! A configuration of a local cluster in a directory of its own, and a client of that cluster.

use std::time::Duration;

use ringfence_api::{Client, Credentials};

use crate::hcl::PROVIDER;
use crate::head::{TOKEN, connection_of, token};
use crate::{Sandbox, Terraform};

/// A directory with a configuration, whose cluster, if it has one, lies in `cluster`.
#[derive(Debug)]
pub struct Setup {
    /// Where it lies.
    pub sandbox: Sandbox,
    /// Applies it.
    pub terraform: Terraform,
}

impl Setup {
    /// A new directory with the provider and this configuration.
    pub fn new(configuration: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        let terraform = Terraform::new(sandbox.path());
        let setup = Self { sandbox, terraform };
        setup.write(configuration);
        setup
    }

    /// The same, applied.
    pub async fn applied(configuration: &[&str]) -> Self {
        let setup = Self::new(configuration);
        setup.terraform.apply(&[]).await.expect("apply");
        setup
    }

    /// Replaces the configuration.
    pub fn write(&self, configuration: &[&str]) {
        self.terraform.write(&(PROVIDER.to_owned() + &configuration.concat()));
    }

    /// The operator of the cluster.
    pub fn operator(&self) -> Client {
        let connection = connection_of(&self.sandbox.path().join("cluster")).expect("the cluster is there");
        Client::new(connection, Credentials::Operator(token(TOKEN).key()), Duration::from_secs(5)).expect("a client")
    }

    /// Terraform's state.
    pub fn state_text(&self) -> String {
        std::fs::read_to_string(self.sandbox.path().join("terraform.tfstate")).unwrap_or_default()
    }
}
