# terraform apply -invoke=action.ringfence_rotate_token_keys.now
action "ringfence_rotate_token_keys" "now" {}
