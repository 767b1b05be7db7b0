# terraform query -generate-config-out=members.tf
list "ringfence_project_member" "fraud" {
  provider         = ringfence
  include_resource = true

  config {
    project = "fraud"
  }
}
