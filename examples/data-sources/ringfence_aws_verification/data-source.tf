data "ringfence_aws_verification" "prod" {
  control_role_name     = "ringfence-prod"
  account_id            = "111122223333"
  region                = "eu-north-1"
  stack                 = "prod"
  vpc_ids               = ["vpc-0a1b2c3d4e5f60718"]
  subnet_ids            = ["subnet-0a1b2c3d4e5f60718"]
  security_group_ids    = ["sg-0a1b2c3d4e5f60718"]
  instance_profile_name = "ringfence-node"
  instance_role_name    = "ringfence-node"
  grants                = ["backup", "network_checks"]
}

check "role" {
  assert {
    condition     = data.ringfence_aws_verification.prod.passed
    error_message = "The cross-account role is not what ringfence needs."
  }
}
