data "ringfence_cluster" "main" {
  directory = "/var/lib/ringfence/analytics"
}

output "nodes" {
  value = [for node in data.ringfence_cluster.main.nodes : node.dns_name]
}
