//! The attribute `authority` of a cluster: how long what the certificate authority signs lives, and by which keys.

use ringfence_api::Lifetime;
use ringfence_api::cluster::{AuthoritySettings, KeyAlgorithm, LIFETIME_BOUNDS, MAX_CRL_SHARDS};
use tfplugin_rs::prelude::*;

use super::parse;

/// Lifetimes and keys of what the authority signs. Lifetimes are durations such as `45s`, `24h` or `7d`; except those
/// of authorities themselves, they are from 15 seconds to 366 days.
#[derive(Clone, PartialEq, Model)]
#[allow(clippy::struct_field_names, reason = "the fields are the attributes that users write")]
pub(crate) struct AuthorityModel {
    /// Lifetime of certificates of services. They are renewed after two thirds of it. Default: `24h`.
    #[tf(optional, validate = check(parse_lifetime))]
    pub(super) service_certificate_lifetime: Value<String>,
    /// Lifetime of the certificates by which agents authenticate. They are renewed after two thirds of it. Default:
    /// `24h`.
    #[tf(optional, validate = check(parse_lifetime))]
    pub(super) node_certificate_lifetime: Value<String>,
    /// Lifetime of certificates of project users. They are renewed after two thirds of it. Default: `7d`.
    #[tf(optional, validate = check(parse_lifetime))]
    pub(super) project_user_certificate_lifetime: Value<String>,
    /// How long a CRL is valid. A new one is published after half of it. Default: `24h`.
    #[tf(optional, validate = check(parse_lifetime))]
    pub(super) crl_lifetime: Value<String>,
    /// Lifetime of tokens of project users, and the longest that a caller may ask for. Default: `1h`.
    #[tf(optional, validate = check(parse_lifetime))]
    pub(super) token_lifetime: Value<String>,
    /// How long a key signs tokens before the next one takes over; at least 5 minutes, whatever is declared. Default:
    /// `30d`.
    #[tf(optional, validate = check(parse_lifetime))]
    pub(super) token_key_lifetime: Value<String>,
    /// Lifetime of a root: at least twice `intermediate_lifetime`. The next root takes over after half of it. A change
    /// takes effect with the next root. Default: `3650d`.
    #[tf(optional, validate = check(Lifetime::parse))]
    pub(super) root_lifetime: Value<String>,
    /// Lifetime of an intermediate: at least three times that of any certificate. The next intermediate takes over
    /// after two thirds of it. A change takes effect with the next intermediate. Default: `1825d`.
    #[tf(optional, validate = check(Lifetime::parse))]
    pub(super) intermediate_lifetime: Value<String>,
    /// Algorithm of the keys of roots and intermediates: `ecdsa_p256`, `ecdsa_p384`, `ed25519`, `rsa_2048`, `rsa_3072`
    /// or `rsa_4096`. A change takes effect with the next root or intermediate. Default: `ecdsa_p256`.
    #[tf(optional, validate = one_of(KeyAlgorithm::ALL.map(KeyAlgorithm::as_str)))]
    pub(super) authority_key_algorithm: Value<String>,
    /// Algorithm of the keys of project users, one of the same. A change takes effect with the next renewal. Default:
    /// `ecdsa_p256`.
    #[tf(optional, validate = one_of(KeyAlgorithm::ALL.map(KeyAlgorithm::as_str)))]
    pub(super) project_user_key_algorithm: Value<String>,
    /// Algorithm of the key that signs tokens: `ecdsa_p256` (ES256) or `ed25519` (`EdDSA`). A change takes effect with
    /// the next key. Default: `ecdsa_p256`.
    #[tf(optional, validate = one_of(KeyAlgorithm::OF_TOKENS.map(KeyAlgorithm::as_str)))]
    pub(super) token_key_algorithm: Value<String>,
    /// Number of CRLs among which the revoked certificates of an intermediate are divided, 1 to 256. One is enough for
    /// some ten thousand. A change takes effect with the next intermediate. Default: 1.
    #[tf(optional, validate = between(1, i64::from(MAX_CRL_SHARDS)))]
    pub(super) crl_shards: Value<i64>,
}

impl AuthorityModel {
    pub(super) fn to_settings(&self) -> Result<AuthoritySettings> {
        let default = AuthoritySettings::default();
        let read = |value: &Value<String>, fallback: Lifetime, attribute: &str| match value.known() {
            Some(text) => parse(parse_lifetime(text), Path::root().attr("authority").attr(attribute)),
            None => Ok(fallback),
        };
        let long = |value: &Value<String>, fallback: Lifetime, attribute: &str| match value.known() {
            Some(text) => parse(Lifetime::parse(text), Path::root().attr("authority").attr(attribute)),
            None => Ok(fallback),
        };
        let algorithm = |value: &Value<String>| value.as_str().and_then(KeyAlgorithm::from_word).unwrap_or_default();
        Ok(AuthoritySettings {
            service_certificate_lifetime: read(
                &self.service_certificate_lifetime,
                default.service_certificate_lifetime,
                "service_certificate_lifetime",
            )?,
            node_certificate_lifetime: read(
                &self.node_certificate_lifetime,
                default.node_certificate_lifetime,
                "node_certificate_lifetime",
            )?,
            project_user_certificate_lifetime: read(
                &self.project_user_certificate_lifetime,
                default.project_user_certificate_lifetime,
                "project_user_certificate_lifetime",
            )?,
            crl_lifetime: read(&self.crl_lifetime, default.crl_lifetime, "crl_lifetime")?,
            token_lifetime: read(&self.token_lifetime, default.token_lifetime, "token_lifetime")?,
            token_key_lifetime: read(&self.token_key_lifetime, default.token_key_lifetime, "token_key_lifetime")?,
            root_lifetime: long(&self.root_lifetime, default.root_lifetime, "root_lifetime")?,
            intermediate_lifetime: long(
                &self.intermediate_lifetime,
                default.intermediate_lifetime,
                "intermediate_lifetime",
            )?,
            authority_key_algorithm: algorithm(&self.authority_key_algorithm),
            project_user_key_algorithm: algorithm(&self.project_user_key_algorithm),
            token_key_algorithm: algorithm(&self.token_key_algorithm),
            crl_shards: self
                .crl_shards
                .known()
                .and_then(|count| u32::try_from(*count).ok())
                .unwrap_or(default.crl_shards),
        })
    }

    pub(super) fn spelled(settings: &AuthoritySettings) -> Self {
        Self {
            service_certificate_lifetime: settings.service_certificate_lifetime.to_string().into(),
            node_certificate_lifetime: settings.node_certificate_lifetime.to_string().into(),
            project_user_certificate_lifetime: settings.project_user_certificate_lifetime.to_string().into(),
            crl_lifetime: settings.crl_lifetime.to_string().into(),
            token_lifetime: settings.token_lifetime.to_string().into(),
            token_key_lifetime: settings.token_key_lifetime.to_string().into(),
            root_lifetime: settings.root_lifetime.to_string().into(),
            intermediate_lifetime: settings.intermediate_lifetime.to_string().into(),
            authority_key_algorithm: settings.authority_key_algorithm.as_str().into(),
            project_user_key_algorithm: settings.project_user_key_algorithm.as_str().into(),
            token_key_algorithm: settings.token_key_algorithm.as_str().into(),
            crl_shards: i64::from(settings.crl_shards).into(),
        }
    }
}

/// A duration within the bounds of what is signed.
fn parse_lifetime(text: &str) -> std::result::Result<Lifetime, String> {
    let lifetime = Lifetime::parse(text).map_err(|error| error.to_string())?;
    let (low, high) = LIFETIME_BOUNDS;
    if (low..=high).contains(&lifetime) { Ok(lifetime) } else { Err(format!("it must be from {low} to {high}")) }
}
