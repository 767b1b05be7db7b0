//! Onboarding an AWS account: the documents, the roles and what they allow, through the real `terraform` and the real
//! `ringfenced`, with a double of AWS that authorises.

mod account;
mod documents;
mod double;
mod every_action;
mod explain;
mod role_ownership;
mod roles;
mod verify;
