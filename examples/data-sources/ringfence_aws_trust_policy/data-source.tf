data "ringfence_aws_trust_policy" "prod" {
  principals  = ["arn:aws:iam::444455556666:role/ringfence-control"]
  external_id = "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34" # generate your own: uuidgen
}

output "trust" {
  value = data.ringfence_aws_trust_policy.prod.json
}
