resource "ringfence_cluster" "main" {
  name = "analytics"

  local = { directory = "/var/lib/ringfence/analytics" }

  worker_groups = {
    workers = { count = 3 }
  }

  services = {
    nginx = {
      user        = "www-data"
      dns_names   = ["query.analytics.example"]
      node_groups = ["workers"]
      reload      = { command = ["systemctl", "reload", "nginx"] }
    }
  }
}
