import {
  to       = ringfence_project_members.fraud
  identity = { project = "fraud" }
}
