//! The Terraform provider of ringfence: clusters, projects, members.
//!
//! One file for each resource, list resource, data source, ephemeral resource, action and function, named as Terraform
//! names it. What they share is the run ([`ringfence`]: who calls, clients, what was seen of clusters) and the
//! [`connection`].

mod actions;
mod aws;
mod connection;
mod data_sources;
mod declaration;
#[cfg(test)]
mod docs;
mod ephemeral_resources;
mod fault;
mod functions;
mod list_resources;
mod members;
mod provider;
mod resources;
mod ringfence;
mod target;
mod token;

fn main() -> std::process::ExitCode {
    tfplugin_rs::serve(provider::RingfenceProvider)
}
