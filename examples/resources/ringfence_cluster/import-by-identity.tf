import {
  to       = ringfence_cluster.main
  identity = { directory = "/var/lib/ringfence/analytics" }
}
