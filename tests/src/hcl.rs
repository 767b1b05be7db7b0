//! The configurations that tests begin with.

macro_rules! required_providers {
    () => {
        "\nterraform {\n  required_providers { ringfence = { source = \"ringfence/ringfence\" } }\n}\n"
    };
}

/// Where the provider comes from, and no provider block.
pub const REQUIRED_PROVIDERS: &str = required_providers!();

/// The provider with its defaults.
pub const PROVIDER: &str = concat!(required_providers!(), "provider \"ringfence\" {}\n");

/// A cluster with one worker in the directory `cluster`.
pub const CLUSTER: &str = r#"
resource "ringfence_cluster" "main" {
  name                = "accept"
  deletion_protection = false
  local               = { directory = "${path.module}/cluster" }
  worker_groups       = { workers = { count = 1 } }
}
"#;

/// A project of that cluster and its data owner: `fraud__alice`.
pub const PROJECT: &str = r#"
resource "ringfence_project" "fraud" {
  cluster     = ringfence_cluster.main.connection
  name        = "fraud"
  description = "A sandbox"
}
resource "ringfence_project_member" "alice" {
  cluster = ringfence_cluster.main.connection
  project = ringfence_project.fraud.name
  user    = "alice"
  role    = "data_owner"
}
"#;
