import {
  to       = ringfence_aws_instance_profile.node
  identity = { account_id = "111122223333", name = "ringfence-node" }
}
