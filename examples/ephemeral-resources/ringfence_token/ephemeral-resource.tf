data "ringfence_cluster" "main" {
  directory = "/var/lib/ringfence/analytics"
}

ephemeral "ringfence_token" "alice" {
  cluster      = data.ringfence_cluster.main.connection
  project_user = "fraud__alice"
  audience     = "query"
  lifetime     = "10m"
}
