action "ringfence_publish_crls" "now" {}

# Fresh lists whenever somebody was removed; or by hand: terraform apply -invoke=action.ringfence_publish_crls.now
resource "ringfence_project_members" "fraud" {
  project = "fraud"
  members = { alice = "data_owner" }

  lifecycle {
    action_trigger {
      events  = [after_update]
      actions = [action.ringfence_publish_crls.now]
    }
  }
}
