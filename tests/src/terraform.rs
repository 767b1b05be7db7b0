//! The real `terraform`, with the provider that was just built and nothing else.
