import {
  to       = ringfence_project_member.alice
  identity = { project = "fraud", user = "alice" }
}
