//! The certificate authority: a root, an intermediate for each domain, issuing, revoking, publishing, rotating.
//!
//! # Guarantees
//!
//! - A certificate is linted, and returned only after its row is committed.
//! - A revocation is committed before it is acknowledged; the next CRL follows within moments.
//! - An authority signs for nodes only when they know it, and its CRLs are available until everything that it signed
//!   has expired.
//! - Keys are stored sealed under the master key, and only this module has them in memory.

mod api_certificate;
pub(crate) mod bootstrap;
mod create;
mod import;
mod issue;
mod issuers;
mod issuing;
mod list_url;
mod next;
mod ocsp;
mod publish;
mod read;
mod revoke;
mod rotate;
mod server_tls;

use std::sync::Arc;

use axum::extract::FromRef;
use ringfence_api::authority::route;

use crate::access::{Access, Routes};
use crate::base::{Base, Task};

pub(crate) use api_certificate::issue_api_certificate;
pub(crate) use create::subject_name;
pub(crate) use import::import_signed;
pub(crate) use issue::{Identity, Recording, Signed};
pub(crate) use issuers::{Authorities, Issuer, Issuers};
pub(crate) use issuing::{Issuing, Order, Verdict, lifetime_of};
pub(crate) use ocsp::OcspResponder;
#[cfg(test)]
pub(crate) use publish::{next_number, pause_before};
#[cfg(test)]
pub(crate) use rotate::rotate_authority;
pub(crate) use rotate::rotate_due;
pub(crate) use server_tls::ServerTls;

/// The routes of authorities, certificates, CRLs and OCSP.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Routes<S>
where
    Arc<Access>: FromRef<S>,
    Arc<Base>: FromRef<S>,
    Arc<Authorities>: FromRef<S>,
    Arc<OcspResponder>: FromRef<S>,
{
    Routes::new()
        .add(&route::READ_CA_BUNDLE, read::read_ca_bundle)
        .add(&route::READ_CRL, read::read_crl)
        .add(&route::READ_DELTA_CRL, read::read_delta_crl)
        .add(&route::POST_OCSP, ocsp::post_ocsp)
        .add(&route::GET_OCSP, ocsp::get_ocsp)
        .add(&route::LIST_AUTHORITIES, rotate::list_authorities)
        .add(&route::ROTATE_AUTHORITY, rotate::rotate_authority)
        .add(&route::IMPORT_AUTHORITIES, import::import_authorities)
        .add(&route::BRING_AUTHORITIES, import::import_authorities)
        .add(&route::PUBLISH_CRLS, publish::publish_crls)
        .add(&route::LIST_CERTIFICATES, read::list_certificates)
        .add(&route::DELETE_CERTIFICATE, revoke::delete_certificate)
}

/// The tasks that publish lists, rotate authorities and renew the API's certificate.
pub(crate) fn tasks<S>(state: &S) -> Vec<Box<dyn Task>>
where
    Arc<Authorities>: FromRef<S>,
{
    let authorities = Arc::<Authorities>::from_ref(state);
    vec![
        Box::new(publish::PublishCrls(authorities.clone())),
        Box::new(rotate::RotateAuthorities(authorities.clone())),
        Box::new(api_certificate::RenewApiCertificate(authorities)),
    ]
}
