//! The certificate authority: a root, an intermediate for each domain, issuing, revoking, publishing, rotating.
//!
//! # Guarantees
//!
//! - A certificate leaves only after its row is committed, and it was linted before.
//! - A revocation is committed before it is acknowledged; its list follows within a moment.
//! - An authority signs for nodes only when they know it, and its lists are there until the last thing that it signed has
//!   ended.
//! - Keys lie in the database sealed under the master key, and in memory only here.

mod api_certificate;
pub(crate) mod bootstrap;
mod bring;
mod hand_out;
mod issue;
mod issuers;
mod make;
mod next;
mod ocsp;
mod publish;
mod read;
mod rotate;
#[cfg(test)]
mod simulation;

pub(crate) use api_certificate::{RenewApiCertificate, issue_api_certificate};
pub(crate) use bring::{__path_bring_authorities, bring_authorities};
pub(crate) use hand_out::{__path_delete_certificate, delete_certificate, hand_out, lifetime_of};
pub(crate) use issue::{Identity, Signed, issue, sealed_key_context, sign};
pub(crate) use issuers::{Authorities, Issuer, Issuers};
pub(crate) use make::subject_name;
pub(crate) use ocsp::{__path_get_ocsp, __path_post_ocsp, OcspAnswers, get_ocsp, post_ocsp};
pub(crate) use publish::{__path_publish_crls, PublishCrls, publish_crls};
pub(crate) use read::{__path_list_certificates, __path_read_ca_bundle, __path_read_crl, __path_read_delta_crl};
pub(crate) use read::{list_certificates, read_ca_bundle, read_crl, read_delta_crl};
pub(crate) use rotate::{__path_list_authorities, __path_rotate_authority, RotateAuthorities};
pub(crate) use rotate::{list_authorities, rotate_authority};

/// The context under which an authority's key is sealed.
pub(crate) fn key_context(issuer: &str) -> String {
    format!("issuer/{issuer}")
}
