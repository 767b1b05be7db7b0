provider "ringfence" {
  aws = { region = "eu-north-1" } # credentials as for the AWS CLI
}

resource "ringfence_aws_cross_account_role" "prod" {
  name                  = "ringfence-prod"
  principals            = ["arn:aws:iam::444455556666:role/ringfence-control"]
  external_id           = "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34" # generate your own: uuidgen
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

# terraform output -raw request | ringfenced verify aws --request -
output "request" {
  value = ringfence_aws_cross_account_role.prod.request_json
}
