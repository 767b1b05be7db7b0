//! Authorities, their certificates and CRLs, as a client of the daemon.

use super::{Authority, AuthorityDomain, ImportAuthorities, RotateAuthority, route};
use crate::client::{Client, ClientError};
use crate::crl::PublishedCrl;

impl Client {
    /// Revokes a certificate that was issued from a CSR. One that is revoked or expired stays as it is.
    pub async fn revoke_certificate(&self, serial: &str) -> Result<(), ClientError> {
        self.ask(&route::DELETE_CERTIFICATE, &[serial]).await
    }

    /// Imports what an offline root has signed.
    pub async fn import_authorities(&self, import: &ImportAuthorities) -> Result<Vec<Authority>, ClientError> {
        self.give(&route::IMPORT_AUTHORITIES, &[], import).await
    }

    /// Has a fresh list of every shard signed now. Returns them once they are committed.
    pub async fn publish_crls(&self) -> Result<Vec<PublishedCrl>, ClientError> {
        self.ask(&route::PUBLISH_CRLS, &[]).await
    }

    /// The authorities, with those that are gone.
    pub async fn authorities(&self) -> Result<Vec<Authority>, ClientError> {
        self.ask(&route::LIST_AUTHORITIES, &[]).await
    }

    /// Asks for a successor of the active authority of a domain.
    pub async fn rotate_authority(
        &self,
        domain: AuthorityDomain,
        rotate: RotateAuthority,
    ) -> Result<Vec<Authority>, ClientError> {
        self.give(&route::ROTATE_AUTHORITY, &[domain.as_str()], &rotate).await
    }
}
