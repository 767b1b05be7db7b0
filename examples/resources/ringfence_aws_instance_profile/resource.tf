provider "ringfence" {
  aws = { region = "eu-north-1" } # credentials as for the AWS CLI
}

resource "ringfence_aws_instance_profile" "node" {
  name        = "ringfence-node"
  account_id  = "111122223333"
  region      = "eu-north-1"
  stack       = "prod"
  bucket_name = "example-prod-data"
  grants      = ["storage", "cloudwatch"]
}
