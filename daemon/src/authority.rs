//! The certificate authority: a root, an intermediate for each domain, issuing, revoking, publishing.
//!
//! # Guarantees
//!
//! - A certificate leaves only after its row is committed, and it was linted before.
//! - A revocation is committed before it is acknowledged; its list follows within a moment.
//! - Keys lie in the database sealed under the master key, and in memory only here.

mod api_certificate;
pub(crate) mod bootstrap;
mod hand_out;
mod issue;
mod publish;
mod read;

use ringfence_pki::{Authority, Domain};

pub(crate) use api_certificate::{RenewApiCertificate, issue_api_certificate};
pub(crate) use bootstrap::load;
pub(crate) use hand_out::{__path_delete_certificate, delete_certificate, hand_out};
pub(crate) use issue::{Identity, issue, sealed_key_context};
pub(crate) use publish::{__path_publish_crls, PublishCrls, publish_crls};
pub(crate) use read::{__path_list_certificates, __path_read_ca_bundle, __path_read_crl};
pub(crate) use read::{list_certificates, read_ca_bundle, read_crl};

/// The shard of every certificate, as long as there is one.
pub(crate) const SHARD: u32 = 0;

/// The authorities of the cluster, ready to sign.
#[derive(Debug)]
pub(crate) struct Authorities {
    root: Issuer,
    services: Issuer,
    projects: Issuer,
    server_tls: std::sync::OnceLock<std::sync::Arc<crate::http::ServerTls>>,
    /// From when to when the API's certificate need not be renewed.
    api_fresh: std::sync::Mutex<Option<(jiff::Timestamp, jiff::Timestamp)>>,
}

/// One authority.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) id: String,
    pub(crate) domain: Domain,
    pub(crate) authority: Authority,
    /// Where its CRL is found.
    pub(crate) crl_url: String,
}

impl Authorities {
    pub(crate) fn new(root: Issuer, services: Issuer, projects: Issuer) -> Self {
        let (server_tls, api_fresh) = (std::sync::OnceLock::new(), std::sync::Mutex::new(None));
        Self { root, services, projects, server_tls, api_fresh }
    }

    /// The authority of a domain.
    pub(crate) fn of(&self, domain: Domain) -> &Issuer {
        match domain {
            Domain::Root => &self.root,
            Domain::Services => &self.services,
            Domain::Projects => &self.projects,
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> [&Issuer; 3] {
        [&self.root, &self.services, &self.projects]
    }

    /// What to trust, in PEM.
    pub(crate) fn ca_bundle(&self) -> String {
        ringfence_pki::pem_certificate(self.root.authority.certificate())
    }

    /// SHA-256 of the root's certificate.
    pub(crate) fn root_fingerprint(&self) -> [u8; 32] {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.root.authority.certificate());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        bytes
    }
}
