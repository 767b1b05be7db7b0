data "ringfence_cluster" "main" {
  directory = "/var/lib/ringfence/analytics"
}

ephemeral "ringfence_token" "alice" {
  cluster  = data.ringfence_cluster.main.connection
  project  = "fraud"
  user     = "alice"
  audience = "query"
  lifetime = "10m"
}
