# terraform apply -invoke=action.ringfence_rotate_node_certificates.worker
action "ringfence_rotate_node_certificates" "worker" {
  config {
    node    = "workers-0"
    timeout = "2m"
  }
}
