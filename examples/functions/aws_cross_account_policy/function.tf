locals {
  policy = provider::ringfence::aws_cross_account_policy({
    account_id            = "111122223333"
    region                = "eu-north-1"
    stack                 = "prod"
    vpc_ids               = ["vpc-0a1b2c3d4e5f60718"]
    subnet_ids            = ["subnet-0a1b2c3d4e5f60718"]
    security_group_ids    = ["sg-0a1b2c3d4e5f60718"]
    instance_profile_name = "ringfence-node"
    instance_role_name    = "ringfence-node"
    grants                = ["backup", "network_checks"]
  })
}

output "policy" {
  value = local.policy.json
}

output "why" {
  value = { for statement in local.policy.statements : statement.sid => statement.why }
}
