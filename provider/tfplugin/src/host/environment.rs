//! What Terraform says in the environment. Read once, here only.

use std::ffi::OsString;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tracing::level_filters::LevelFilter;

use super::StartError;
use super::log::level;

const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// The environment, checked.
pub(super) struct Environment {
    /// The only client to serve; `None` when Terraform asked for no TLS.
    pub(super) client_certificate: Option<CertificateDer<'static>>,
}

impl Environment {
    pub(super) fn read() -> Result<Self, StartError> {
        Self::from_lookup(|name| std::env::var_os(name))
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, StartError> {
        let text = |name: &str| lookup(name).and_then(|value| value.into_string().ok());
        if text(COOKIE.0).as_deref() != Some(COOKIE.1) {
            return Err(StartError::NotStartedByTerraform);
        }
        // Absent means a host that does not negotiate; only this version is here to offer.
        if let Some(offered) = text("PLUGIN_PROTOCOL_VERSIONS")
            && !offered.split(',').any(|version| version.trim() == "6")
        {
            return Err(StartError::NoCommonProtocol);
        }
        let client_certificate = match lookup("PLUGIN_CLIENT_CERT").filter(|pem| !pem.is_empty()) {
            Some(pem) => Some(
                CertificateDer::from_pem_slice(pem.as_encoded_bytes()).map_err(|_| StartError::ClientCertificate)?,
            ),
            None => None,
        };
        Ok(Self { client_certificate })
    }
}

/// How much this provider is to log.
pub(super) fn log_level(provider: &str) -> LevelFilter {
    log_level_from(provider, |name| std::env::var_os(name))
}

fn log_level_from(provider: &str, lookup: impl Fn(&str) -> Option<OsString>) -> LevelFilter {
    let own = format!("TF_LOG_PROVIDER_{}", provider.to_uppercase().replace('-', "_"));
    let settings = [own.as_str(), "TF_LOG_PROVIDER", "TF_LOG"].into_iter();
    let asked = settings.filter_map(lookup).find_map(|value| value.into_string().ok());
    level(asked.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(set: &[(&str, &str)], name: &str) -> Option<OsString> {
        set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(*value))
    }

    fn read(set: &[(&str, &str)]) -> Result<Environment, StartError> {
        Environment::from_lookup(|name| find(set, name))
    }

    #[test]
    fn without_the_cookie_nothing_starts() {
        assert!(matches!(read(&[]), Err(StartError::NotStartedByTerraform)));
        assert!(matches!(read(&[(COOKIE.0, "wrong")]), Err(StartError::NotStartedByTerraform)));
    }

    #[test]
    fn protocol_six_must_be_offered() {
        let offer = |versions| read(&[COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", versions)]);
        assert!(offer("5,6").is_ok() && offer("6,5").is_ok());
        assert!(matches!(offer("5,16"), Err(StartError::NoCommonProtocol)));
    }

    #[test]
    fn a_client_certificate_that_is_none_is_refused() {
        let garbled = read(&[COOKIE, ("PLUGIN_CLIENT_CERT", "not pem")]);
        assert!(matches!(garbled, Err(StartError::ClientCertificate)));
    }

    #[test]
    fn the_closest_log_setting_wins() {
        let set = [("TF_LOG", "trace"), ("TF_LOG_PROVIDER_MY_CLOUD", "warn")];
        assert_eq!(log_level_from("my-cloud", |name| find(&set, name)), LevelFilter::WARN);
        assert_eq!(log_level_from("my-cloud", |_| None), LevelFilter::OFF);
    }
}
