data "ringfence_cluster" "main" {
  directory = "/var/lib/ringfence/analytics"
}

resource "ringfence_project" "fraud" {
  cluster     = data.ringfence_cluster.main.connection
  name        = "fraud"
  description = "Card fraud models"
}
