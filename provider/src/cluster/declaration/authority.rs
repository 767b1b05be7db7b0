//! The attribute `authority` of a cluster: how long what the certificate authority signs lives, and by which keys.

use ringfence_api::Lifetime;
use ringfence_api::cluster::{AuthoritySettings, KeyAlgorithm, LIFETIME_BOUNDS, MAX_CRL_SHARDS};
use tfplugin_rs::prelude::*;

use super::parse;

/// How long what the authority signs lives. Durations such as `45s`, `24h` or `7d`; of whatever is not an authority,
/// from 15 seconds to 366 days.
#[derive(Clone, PartialEq, Model)]
#[allow(clippy::struct_field_names, reason = "the fields are the attributes that users write")]
pub(crate) struct AuthorityModel {
    /// Certificates of services, renewed at two thirds of their life. Default: `24h`.
    #[tf(optional, validate = check(parse_lifetime))]
    pub(super) service_certificate_lifetime: Value<String>,
    /// Certificates by which agents authenticate, renewed at two thirds of their life. Default: `24h`.
    #[tf(optional, validate = check(parse_lifetime))]
    pub(super) node_certificate_lifetime: Value<String>,
    /// Certificates of project users, renewed at two thirds of their life. Default: `7d`.
    #[tf(optional, validate = check(parse_lifetime))]
    pub(super) project_user_certificate_lifetime: Value<String>,
    /// How long a CRL is good; a new one is published at half of it. Default: `24h`.
    #[tf(optional, validate = check(parse_lifetime))]
    pub(super) crl_lifetime: Value<String>,
    /// Tokens of project users: how long one lives, and the longest that may be asked for. Default: `1h`.
    #[tf(optional, validate = check(parse_lifetime))]
    pub(super) token_lifetime: Value<String>,
    /// How long a key signs tokens before the next one does, at least 5 minutes whatever is declared. Default: `30d`.
    #[tf(optional, validate = check(parse_lifetime))]
    pub(super) token_key_lifetime: Value<String>,
    /// How long a root lives: at least twice `intermediate_lifetime`. Its successor takes over at half of it; takes
    /// effect with the next one. Default: `3650d`.
    #[tf(optional, validate = check(Lifetime::parse))]
    pub(super) root_lifetime: Value<String>,
    /// How long an intermediate lives: at least three times as long as any certificate. Its successor takes over at two
    /// thirds of it; takes effect with the next one. Default: `1825d`.
    #[tf(optional, validate = check(Lifetime::parse))]
    pub(super) intermediate_lifetime: Value<String>,
    /// Kind of key of roots and intermediates: `ecdsa_p256`, `ecdsa_p384`, `ed25519`, `rsa_2048`, `rsa_3072` or
    /// `rsa_4096`. Takes effect with the next one. Default: `ecdsa_p256`.
    #[tf(optional, validate = one_of(KeyAlgorithm::ALL.map(KeyAlgorithm::as_str)))]
    pub(super) authority_key_algorithm: Value<String>,
    /// Kind of key of project users, likewise. Takes effect with the next renewal. Default: `ecdsa_p256`.
    #[tf(optional, validate = one_of(KeyAlgorithm::ALL.map(KeyAlgorithm::as_str)))]
    pub(super) project_user_key_algorithm: Value<String>,
    /// Kind of the key that signs tokens: `ecdsa_p256` (ES256) or `ed25519` (`EdDSA`). Takes effect with the next key.
    /// Default: `ecdsa_p256`.
    #[tf(optional, validate = one_of(KeyAlgorithm::OF_TOKENS.map(KeyAlgorithm::as_str)))]
    pub(super) token_key_algorithm: Value<String>,
    /// In how many lists the revoked certificates of an intermediate are kept, 1 to 256. One is enough for some ten
    /// thousand. Takes effect with the next intermediate. Default: 1.
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
