# terraform query
list "ringfence_project" "all" {
  provider = ringfence
}
