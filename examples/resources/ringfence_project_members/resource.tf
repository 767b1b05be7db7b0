data "ringfence_cluster" "main" {
  directory = "/var/lib/ringfence/analytics"
}

resource "ringfence_project" "fraud" {
  cluster = data.ringfence_cluster.main.connection
  name    = "fraud"
}

# Exactly these: whoever is not named here is removed.
resource "ringfence_project_members" "fraud" {
  cluster = data.ringfence_cluster.main.connection
  project = ringfence_project.fraud.name
  members = {
    alice = "data_owner"
    bob   = "data_scientist"
  }
}
