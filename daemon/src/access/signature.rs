//! The signature of a login: whose it is. Clients sign over what they trust and over the certificate that the API
//! showed them; everything that they may have seen is tried here, so that a signature over anything else is nobody's.

use jiff::Timestamp;
use ringfence_api::login::{PutLogin, fingerprint, message, message_before};
use ringfence_api::operator::OperatorKeys;
use ringfence_api::{ClusterId, OperatorPublicKey};
use ringfence_store::Transaction;

use crate::access::Access;
use crate::base::Answer;

/// The key that signed and may log in, or the reason for a refusal.
pub(super) async fn signer(
    tx: &mut Transaction,
    access: &Access,
    put: &PutLogin,
    now: Timestamp,
) -> Answer<Result<OperatorPublicKey, String>> {
    // Of every daemon on this database, and those before a renewal too: the connection may have been opened with one.
    let certificates = tx.certificates().list_live_of_api(now).await?;
    let signature = Signature {
        cluster_id: access.base.cluster_id,
        put,
        trusted: (access.trust)(),
        servers: certificates.iter().map(|der| fingerprint(der)).collect(),
    };
    let OperatorKeys { current, pending } = tx.operator().keys().await?;
    let keys: Vec<OperatorPublicKey> = [Some(current), pending].into_iter().flatten().collect();
    if let Some(key) = keys.iter().find(|key| signature.is_by(key)) {
        return Ok(Ok(key.clone()));
    }
    if keys.iter().any(|key| signature.is_before_by(key)) {
        return Ok(Err("this client is older than the cluster: update it".to_owned()));
    }
    let retired = tx.operator().list_retired_keys().await?.into_iter().find(|(key, _)| signature.is_by(key));
    Ok(Err(match retired {
        Some((_, at)) => {
            format!(
                "this operator token was replaced by another one at {at} and is retired; use the one that replaced it"
            )
        }
        None => "the signature is not by this cluster's operator token, or was made for another CA or on a connection \
                 to another server"
            .to_owned(),
    }))
}

/// A signature, and what it may have been made over.
struct Signature<'a> {
    cluster_id: ClusterId,
    put: &'a PutLogin,
    /// The fingerprints of all bundles that a client may trust.
    trusted: Vec<[u8; 32]>,
    /// The fingerprints of the certificates that the API may have shown.
    servers: Vec<[u8; 32]>,
}

impl Signature<'_> {
    /// Whether this key made it.
    fn is_by(&self, key: &OperatorPublicKey) -> bool {
        let Self { cluster_id, put, trusted, servers } = self;
        let mut seen = trusted.iter().flat_map(|ca| servers.iter().map(move |server| (ca, server)));
        seen.any(|(ca, server)| key.verifies(&message(cluster_id, &put.nonce, ca, server), &put.signature))
    }

    /// Whether this key made it in the way of the version before.
    fn is_before_by(&self, key: &OperatorPublicKey) -> bool {
        let Self { cluster_id, put, trusted, .. } = self;
        trusted.iter().any(|ca| key.verifies(&message_before(cluster_id, &put.nonce, ca), &put.signature))
    }
}
