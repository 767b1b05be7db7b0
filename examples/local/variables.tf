variable "members" {
  description = "Who is in which project, and as what."
  type = map(object({
    project = string
    user    = string
    role    = string
  }))
  default = {
    fraud_alice = { project = "fraud", user = "alice", role = "data_owner" }
    churn_alice = { project = "churn", user = "alice", role = "data_scientist" }
    churn_bob   = { project = "churn", user = "bob", role = "data_scientist" }
  }
}
