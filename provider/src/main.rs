//! The Terraform provider of ringfence: clusters, projects, members.
//!
//! One folder for each noun, named as Terraform names it, with a file for each way in which Terraform uses it:
//! resource, list resource, data source, ephemeral resource, action, function. What they share is the run
//! ([`ringfence`]: who calls, clients, what was seen of clusters) and how they find their cluster
//! ([`cluster_argument`]).

mod authority;
mod aws;
mod aws_cross_account_policy;
#[cfg(feature = "aws")]
mod aws_cross_account_role;
mod aws_external_id;
#[cfg(feature = "aws")]
mod aws_instance_profile;
mod aws_instance_profile_policy;
#[cfg(feature = "aws")]
mod aws_network_check;
mod aws_trust_policy;
#[cfg(feature = "aws")]
mod aws_verification;
mod certificate;
mod cluster;
mod cluster_argument;
#[cfg(test)]
mod compatibility;
mod connection;
#[cfg(test)]
mod docs;
mod fault;
mod node;
mod operator_token;
mod project;
mod project_member;
mod project_members;
mod project_user;
mod provider;
mod ringfence;
mod target;
mod token;

fn main() -> std::process::ExitCode {
    tfplugin_rs::serve(provider::RingfenceProvider)
}
