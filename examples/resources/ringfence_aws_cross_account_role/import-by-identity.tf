import {
  to       = ringfence_aws_cross_account_role.prod
  identity = { account_id = "111122223333", name = "ringfence-prod" }
}
