output "external_id" {
  value = provider::ringfence::aws_external_id("7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34")
}
