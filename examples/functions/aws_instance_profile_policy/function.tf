output "policy" {
  value = provider::ringfence::aws_instance_profile_policy({
    account_id  = "111122223333"
    region      = "eu-north-1"
    stack       = "prod"
    bucket_name = "example-prod-data"
    grants      = ["storage", "backup", "cloudwatch"]
  }).json
}
