# A cluster on this machine: a head, two workers, two projects and their members.
# The demo (`make demo`) applies exactly this configuration.

terraform {
  required_version = ">= 1.8"
  required_providers {
    ringfence = { source = "ringfence/ringfence" }
  }
}

# The operator's token is read from RINGFENCE_TOKEN.
provider "ringfence" {}

resource "ringfence_cluster" "main" {
  name                = "demo"
  deletion_protection = false # a demo may be thrown away

  local = { directory = "${path.module}/.cluster" }

  worker_groups = {
    workers = { count = 2 }
  }

  # Every node gets a certificate for this service, with the node's DNS name as its common name.
  services = {
    query = {
      user         = "query"
      dns_names    = ["query.demo.internal"]
      ip_addresses = ["127.0.0.1"]
    }
  }

  # Short, so that you can watch the rotation. Without this block: a day for services and nodes, a week for project
  # users.
  authority = {
    service_certificate_lifetime      = "30s"
    node_certificate_lifetime         = "60s"
    project_user_certificate_lifetime = "1h"
  }
}

resource "ringfence_project" "this" {
  for_each    = toset(["fraud", "churn"])
  cluster     = ringfence_cluster.main.connection
  name        = each.key
  description = "The ${each.key} team's sandbox"
}

resource "ringfence_project_member" "this" {
  for_each = var.members
  cluster  = ringfence_cluster.main.connection
  project  = ringfence_project.this[each.value.project].name
  user     = each.value.user
  role     = each.value.role
}

output "project_users" {
  description = "One identity for each user in each project."
  value       = sort([for member in ringfence_project_member.this : member.project_user])
}

output "endpoint" {
  description = "Address of the daemon's API."
  value       = ringfence_cluster.main.endpoint
}

output "nodes" {
  description = "DNS names of the nodes."
  value       = [for node in ringfence_cluster.main.nodes : node.dns_name]
}
