//! A service of a cluster: who runs it, where, and what its certificate, files and token are like.

use std::collections::BTreeSet;

use ringfence_api::cluster::{KeyAlgorithm, Service, ServiceCommand, ServiceFiles, ServiceToken};
use ringfence_api::{API_NAME, Audience, DnsName, Lifetime, SystemUser};
use tfplugin_rs::prelude::*;

use super::{parse, present};

/// A service that holds a certificate on the nodes where it runs. Its common name is the node's DNS name, its locality
/// (L) the system user.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct ServiceModel {
    /// System user that runs the service. Its name is in the certificate; nothing is changed on the node.
    #[tf(required, validate = check(SystemUser::parse))]
    user: Value<String>,
    /// DNS names that the service answers to besides the node's own. `api.ringfence.internal` is the API's alone.
    #[tf(optional, validate = each(check(parse_dns_name)))]
    dns_names: Value<BTreeSet<String>>,
    /// IP addresses that the service answers on.
    #[tf(optional, validate = each(check(parse_address)))]
    ip_addresses: Value<BTreeSet<String>>,
    /// Where it runs: `head` and names of worker groups. Default: every node.
    #[tf(optional, validate = items(1..=1000))]
    node_groups: Value<BTreeSet<String>>,
    /// Algorithm of its key: `ecdsa_p256`, `ecdsa_p384`, `ed25519`, `rsa_2048`, `rsa_3072` or `rsa_4096`. Default:
    /// `ecdsa_p256`.
    #[tf(optional, validate = one_of(KeyAlgorithm::ALL.map(KeyAlgorithm::as_str)))]
    key_algorithm: Value<String>,
    /// Owner of its files on the node, and the formats that are written besides `tls.crt` and `tls.key`.
    #[tf(optional)]
    files: Value<ServiceFilesModel>,
    /// A token (JWT) by which the service authenticates, in `token.jwt` in its directory on the node. Whoever may read
    /// the key may read it. It is replaced after two thirds of its lifetime, without running `reload`: the service
    /// should read the file each time it needs the token.
    #[tf(optional)]
    token: Value<ServiceTokenModel>,
    /// Command to run on the node before `reload`, such as `["nginx", "-t"]`. If it or `reload` fails, the files are
    /// rolled back.
    #[tf(optional)]
    check: Value<ReloadModel>,
    /// Command to run on the node when the service's certificate, the roots or the revocation lists have changed.
    #[tf(optional)]
    reload: Value<ReloadModel>,
}

/// The token of a service. Its claims are `sub`, which is `SERVICE@NODE`, `service` and `node`.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct ServiceTokenModel {
    /// Who verifies it (`aud`): 1 to 200 visible ASCII characters, such as a name or a URL.
    #[tf(required, validate = check(Audience::parse))]
    audience: Value<String>,
}

/// Files of a service on its node.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct ServiceFilesModel {
    /// System user who owns the key. Default: the agent's user. Any other user requires an agent that runs as root.
    #[tf(optional, validate = check(SystemUser::parse))]
    owner: Value<String>,
    /// System group that may read the key and enter the directory. Default: the owner's.
    #[tf(optional, validate = check(SystemUser::parse))]
    group: Value<String>,
    /// Whether only the owner may read the key (mode 0600), as PostgreSQL requires. Default: `false`, so that the group
    /// may read it too (0640).
    #[tf(optional)]
    private: Value<bool>,
    /// Whether to write `tls.pem` too: key, certificate and intermediates in one file. Default: `false`.
    #[tf(optional)]
    combined_pem: Value<bool>,
    /// Whether to write `tls.p12` too (PKCS #12, for Java), with its password in `tls.p12.password`. Default: `false`.
    #[tf(optional)]
    pkcs12: Value<bool>,
}

/// A command that makes a service read its files again.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct ReloadModel {
    /// Program and arguments, run by the agent's user and without a shell.
    #[tf(required, validate = items(1..=64), validate = custom(names_program))]
    command: Value<Vec<String>>,
    /// After this time the command is ended and counts as failed.
    #[tf(optional, default = "30s", validate = check(Lifetime::parse))]
    timeout: Value<String>,
}

#[allow(clippy::ptr_arg, reason = "a validator is given the attribute's own type")]
fn names_program(command: &Vec<String>) -> std::result::Result<(), String> {
    if command.first().is_some_and(String::is_empty) { Err("must name a program first".to_owned()) } else { Ok(()) }
}

impl ServiceModel {
    /// Where it runs.
    pub(crate) fn node_groups(&self) -> &Value<BTreeSet<String>> {
        &self.node_groups
    }

    pub(super) fn to_service(&self, path: &Path) -> Result<Service> {
        let texts = |value: &Value<BTreeSet<String>>| value.known().cloned().unwrap_or_default();
        let each = |attribute: &str| path.clone().attr(attribute);
        let user = self.user.known().map_or("", String::as_str);
        let dns_names = texts(&self.dns_names)
            .iter()
            .map(|text| parse(parse_dns_name(text), each("dns_names")))
            .collect::<Result<_>>()?;
        let ip_addresses = texts(&self.ip_addresses)
            .iter()
            .map(|text| parse(parse_address(text), each("ip_addresses")))
            .collect::<Result<_>>()?;
        let command = |value: &Value<ReloadModel>, attribute: &str| match value.known() {
            Some(command) => Ok(Some(ServiceCommand {
                command: command.command.known().cloned().unwrap_or_default(),
                timeout: parse(
                    Lifetime::parse(command.timeout.known().map_or("30s", String::as_str)),
                    each(attribute).attr("timeout"),
                )?,
            })),
            None => Ok::<_, Diagnostics>(None),
        };
        Ok(Service {
            user: parse(SystemUser::parse(user), each("user"))?,
            dns_names,
            ip_addresses,
            node_groups: texts(&self.node_groups),
            key_algorithm: self.key_algorithm.as_str().and_then(KeyAlgorithm::from_word).unwrap_or_default(),
            files: match self.files.known() {
                Some(files) => files.to_files(&each("files"))?,
                None => ServiceFiles::default(),
            },
            token: match self.token.known() {
                Some(token) => {
                    let audience = token.audience.known().map_or("", String::as_str);
                    let audience = parse(Audience::parse(audience), each("token").attr("audience"))?;
                    Some(ServiceToken { audience })
                }
                None => None,
            },
            check: command(&self.check, "check")?,
            reload: command(&self.reload, "reload")?,
        })
    }

    pub(super) fn spelled(service: &Service) -> Self {
        let set = |texts: BTreeSet<String>| if texts.is_empty() { Value::Null } else { texts.into() };
        let command = |command: &Option<ServiceCommand>| {
            let spelled = command.as_ref().map(|command| ReloadModel {
                command: command.command.clone().into(),
                timeout: command.timeout.to_string().into(),
            });
            Value::from(spelled)
        };
        let is_default = service.key_algorithm == KeyAlgorithm::default();
        Self {
            user: service.user.as_str().into(),
            dns_names: set(service.dns_names.iter().map(ToString::to_string).collect()),
            ip_addresses: set(service.ip_addresses.iter().map(ToString::to_string).collect()),
            node_groups: set(service.node_groups.clone()),
            key_algorithm: if is_default { Value::Null } else { service.key_algorithm.as_str().into() },
            files: present(
                if service.files == ServiceFiles::default() { Presence::Absent } else { Presence::Present },
                ServiceFilesModel::spelled(&service.files),
            ),
            token: match &service.token {
                Some(token) => ServiceTokenModel { audience: token.audience.as_str().into() }.into(),
                None => Value::Null,
            },
            check: command(&service.check),
            reload: command(&service.reload),
        }
    }
}

impl ServiceFilesModel {
    fn to_files(&self, path: &Path) -> Result<ServiceFiles> {
        let name = |value: &Value<String>, attribute: &str| match value.known() {
            Some(text) => parse(SystemUser::parse(text), path.clone().attr(attribute)).map(Some),
            None => Ok(None),
        };
        Ok(ServiceFiles {
            owner: name(&self.owner, "owner")?,
            group: name(&self.group, "group")?,
            private: self.private == Value::Known(true),
            combined_pem: self.combined_pem == Value::Known(true),
            pkcs12: self.pkcs12 == Value::Known(true),
        })
    }

    fn spelled(files: &ServiceFiles) -> Self {
        let name = |name: &Option<SystemUser>| name.as_ref().map(|name| name.as_str().to_owned()).into();
        Self {
            owner: name(&files.owner),
            group: name(&files.group),
            private: files.private.into(),
            combined_pem: files.combined_pem.into(),
            pkcs12: files.pkcs12.into(),
        }
    }
}

fn parse_dns_name(text: &str) -> std::result::Result<DnsName, String> {
    let name = DnsName::parse(text).map_err(|error| error.to_string())?;
    if name.as_str() == API_NAME {
        return Err(format!("{API_NAME} is the name by which clients know the API: no service may have it"));
    }
    Ok(name)
}

fn parse_address(text: &str) -> std::result::Result<std::net::IpAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is not an IP address"))
}
