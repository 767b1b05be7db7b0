import {
  to       = ringfence_project.fraud
  identity = { name = "fraud" }
}
