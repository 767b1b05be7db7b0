//! The authorities: a root and its intermediates, each in its place in life.

#[cfg(feature = "client")]
mod client;
pub mod route;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::name::NameError;
use crate::word::words;

/// What an authority signs for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", parse_err_ty = NameError, parse_err_fn = unknown_domain)]
pub enum AuthorityDomain {
    /// Its successor and the intermediates.
    Root,
    /// Nodes, services and the API.
    Services,
    /// Project users.
    Projects,
}

fn unknown_domain(word: &str) -> NameError {
    NameError::new("authority domain", word, "it must be root, services or projects")
}

/// The life of an authority. At most one of a domain is prepared and one is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum AuthorityState {
    /// Known to the nodes, with its lists or in the trust bundle; it signs nothing yet.
    Prepared,
    /// It signs.
    Active,
    /// It signs revocation lists only, until the last thing that it signed has ended.
    Retired,
    /// Nothing of it lives. Its key is erased.
    Gone,
}

words!(AuthorityDomain, AuthorityState);

/// An authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Authority {
    /// Its id: the domain and a count, such as `services-1`.
    pub id: String,
    /// What it signs for.
    pub domain: AuthorityDomain,
    /// Who signed it; a root is its own parent.
    pub parent: String,
    /// Where it is in its life.
    pub state: AuthorityState,
    /// When it ends.
    pub not_after: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it began to sign.
    pub activated_at: Option<Timestamp>,
    /// When it stopped signing.
    pub retired_at: Option<Timestamp>,
    /// When somebody asked for a successor.
    pub rotation_requested_at: Option<Timestamp>,
    /// When somebody said that its key may be compromised. Whatever it signed is replaced, and then it is revoked.
    pub distrusted_at: Option<Timestamp>,
}

/// Asks for a successor of the active authority of a domain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateAuthority {
    /// Whether its key may be compromised: then whatever it signed is replaced at once, and it is revoked as soon as
    /// nodes hold the new certificates. Otherwise they are replaced when their time comes.
    #[serde(default)]
    pub compromised: bool,
}

/// Authorities and lists that an offline root has signed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ImportAuthorities)]
pub struct ImportAuthorities {
    /// The root's certificate, PEM; only when a cluster is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// The root's list, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// Intermediates that the root has signed.
    #[serde(default)]
    pub intermediates: Vec<ImportIntermediate>,
}

/// An intermediate that an offline root has signed. `Debug` shows no key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ImportIntermediate)]
pub struct ImportIntermediate {
    /// What it signs for.
    pub domain: AuthorityDomain,
    /// Its certificate, PEM.
    pub certificate: String,
    /// Its private key, PKCS #8 in PEM.
    pub private_key: String,
}

impl std::fmt::Debug for ImportIntermediate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ImportIntermediate({}, ..)", self.domain.as_str())
    }
}
