data "ringfence_cluster" "main" {
  directory = "/var/lib/ringfence/analytics"
}

resource "ringfence_project" "fraud" {
  cluster = data.ringfence_cluster.main.connection
  name    = "fraud"
}

resource "ringfence_project_member" "alice" {
  cluster = data.ringfence_cluster.main.connection
  project = ringfence_project.fraud.name
  user    = "alice"
  role    = "data_owner"
}
