output "trust" {
  value = provider::ringfence::aws_trust_policy(
    ["arn:aws:iam::444455556666:role/ringfence-control"],
    "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34", # generate your own: uuidgen
  ).json
}
