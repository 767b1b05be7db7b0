data "ringfence_cluster" "main" {
  directory = "/var/lib/ringfence/analytics"
}

# Alice, a data owner, manages the members of her project herself: the provider acts as her.
ephemeral "ringfence_certificate" "alice" {
  cluster      = data.ringfence_cluster.main.connection
  project_user = "fraud__alice"
  lifetime     = "15m"
}

provider "ringfence" {
  alias       = "alice"
  cluster     = data.ringfence_cluster.main.connection
  certificate = ephemeral.ringfence_certificate.alice.certificate
  private_key = ephemeral.ringfence_certificate.alice.private_key
}

resource "ringfence_project_member" "bob" {
  provider = ringfence.alice
  project  = "fraud"
  user     = "bob"
  role     = "data_scientist"
}

# A certificate of a service, for a key that is made for this run.
ephemeral "ringfence_certificate" "nginx" {
  cluster = data.ringfence_cluster.main.connection
  node    = "workers-0"
  service = "nginx"
}
