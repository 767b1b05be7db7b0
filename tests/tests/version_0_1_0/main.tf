terraform {
  required_providers { ringfence = { source = "ringfence/ringfence" } }
}
provider "ringfence" {}

resource "ringfence_cluster" "main" {
  name                = "accept"
  deletion_protection = false
  local               = { directory = "${path.module}/cluster", port = 18743 }
  worker_groups       = { workers = { count = 1 } }
  services            = { query = { user = "query" } }
  authority = {
    root_lifetime         = "350000h"
    intermediate_lifetime = "170000h"
  }
}
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
resource "ringfence_project" "churn" {
  cluster = ringfence_cluster.main.connection
  name    = "churn"
}
resource "ringfence_project_members" "churn" {
  cluster = ringfence_cluster.main.connection
  project = ringfence_project.churn.name
  members = { bob = "data_owner", carol = "data_scientist" }
}
