//! The Terraform provider of ringfence: clusters, projects, members.
//!
//! One file for each resource, data source and function, named as Terraform names it. What they share is the
//! [`provider`] (token, clients, what was seen of clusters in this run) and the [`connection`].

mod connection;
mod data_sources;
mod declaration;
#[cfg(test)]
mod docs;
mod fault;
mod functions;
mod provider;
mod resources;
mod target;
mod token;

fn main() -> std::process::ExitCode {
    tfplugin_rs::serve(provider::RingfenceProvider)
}
