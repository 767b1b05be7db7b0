output "common_name" {
  value = provider::ringfence::project_user("fraud", "alice") # "fraud__alice"
}
