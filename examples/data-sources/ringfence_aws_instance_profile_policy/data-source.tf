data "ringfence_aws_instance_profile_policy" "prod" {
  account_id  = "111122223333"
  region      = "eu-north-1"
  stack       = "prod"
  bucket_name = "example-prod-data"
  grants      = ["storage", "backup", "cloudwatch"]
}

output "policy" {
  value = data.ringfence_aws_instance_profile_policy.prod.json
}

output "boundary" {
  value = data.ringfence_aws_instance_profile_policy.prod.boundary_json
}
