//! What a `ringfence_cluster` declares, between Terraform's words and the daemon's. Pure.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_api::cluster::{
    AuthoritySettings, Cluster, KeyAlgorithm, LIFETIME_BOUNDS, MAX_CRL_SHARDS, MAX_GROUP_COUNT, OWN_CLAIMS, PutCluster,
    ServiceCommand, ServiceFiles, ServiceToken, WorkerGroup, is_claim,
};
use ringfence_api::token::{ClaimSource, SubjectClaim, TokenClaims};
use ringfence_api::{Audience, ClusterName, DnsName, GroupName, Lifetime, NodeName, ServiceName, SystemUser};
use tfplugin_rs::Field as _;
use tfplugin_rs::prelude::*;

/// Some workers of one kind.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct WorkerGroupModel {
    /// How many workers, 0 to 1000.
    #[tf(required, validate = between(0, i64::from(MAX_GROUP_COUNT)))]
    pub(crate) count: Value<i64>,
}

/// A service that holds a certificate on the nodes where it runs. Its common name is the node's DNS name, its locality
/// (L) the system user.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct ServiceModel {
    /// System user that runs the service: it stands in the certificate, nothing is changed on the node.
    #[tf(required, validate = check(SystemUser::parse))]
    user: Value<String>,
    /// DNS names that the service answers to besides the node's own.
    #[tf(optional, validate = each(check(DnsName::parse)))]
    dns_names: Value<BTreeSet<String>>,
    /// IP addresses that the service answers on.
    #[tf(optional, validate = each(check(parse_address)))]
    ip_addresses: Value<BTreeSet<String>>,
    /// Where it runs: `head` and names of worker groups. Default: every node.
    #[tf(optional, validate = items(1..=1000))]
    node_groups: Value<BTreeSet<String>>,
    /// Kind of its key: `ecdsa_p256`, `ecdsa_p384`, `ed25519`, `rsa_2048`, `rsa_3072` or `rsa_4096`. Default: `ecdsa_p256`.
    #[tf(optional, validate = one_of(KeyAlgorithm::ALL.map(KeyAlgorithm::as_str)))]
    key_algorithm: Value<String>,
    /// Whose its files on the node are, and in which forms besides `tls.crt` and `tls.key`.
    #[tf(optional)]
    files: Value<ServiceFilesModel>,
    /// A token (JWT) by which the service shows itself, in `token.jwt` in its directory on the node. It is as private as the
    /// key and replaced at two thirds of its life; `reload` is not run for it, the service reads the file when it needs it.
    #[tf(optional)]
    token: Value<ServiceTokenModel>,
    /// What to run on the node before `reload`, such as `["nginx", "-t"]`. When it or `reload` fails, the files of before
    /// come back.
    #[tf(optional)]
    check: Value<ReloadModel>,
    /// What to run on the node when the service's certificate, the roots or the revocation lists have changed.
    #[tf(optional)]
    reload: Value<ReloadModel>,
}

/// The token of a service. Its claims: `sub` is `SERVICE@NODE`, and `service` and `node` are the two.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct ServiceTokenModel {
    /// Who verifies it (`aud`): 1 to 200 visible ASCII characters, such as a name or a URL.
    #[tf(required, validate = check(Audience::parse))]
    audience: Value<String>,
}

/// What the tokens of project users for one audience say besides what every token says.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct TokenClaimsModel {
    /// What `sub` holds: `project_user` (`PROJECT__USER`), `project` or `user`. Default: `project_user`.
    #[tf(optional, validate = one_of(SubjectClaim::ALL.map(SubjectClaim::as_str)))]
    subject: Value<String>,
    /// More claims by name; each holds `project_user`, `project`, `user`, `role`, `roles` (a list) or `job` (in tokens of jobs).
    #[tf(optional, validate = keys(check(claim_name)), validate = each(one_of(ClaimSource::ALL.map(ClaimSource::as_str))))]
    claims: Value<BTreeMap<String, String>>,
}

fn claim_name(name: &str) -> std::result::Result<(), String> {
    if is_claim(name) {
        return Ok(());
    }
    let own = OWN_CLAIMS.join(", ");
    Err(format!("{name:?} must be 1 to 64 letters, digits and characters of _-.:/, and none of {own}"))
}

/// Files of a service on its node.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct ServiceFilesModel {
    /// System user who owns the key. Default: the agent's own; another one takes an agent that runs as root.
    #[tf(optional, validate = check(SystemUser::parse))]
    owner: Value<String>,
    /// System group that may read the key and enter the directory. Default: the owner's.
    #[tf(optional, validate = check(SystemUser::parse))]
    group: Value<String>,
    /// Whether only the owner may read the key (mode 0600), as PostgreSQL wants. Default: `false`, its group may too (0640).
    #[tf(optional)]
    private: Value<bool>,
    /// Whether there is `tls.pem` too: key, certificate and intermediates in one file. Default: `false`.
    #[tf(optional)]
    combined_pem: Value<bool>,
    /// Whether there is `tls.p12` too (PKCS #12, for Java), with its password in `tls.p12.password`. Default: `false`.
    #[tf(optional)]
    pkcs12: Value<bool>,
}

/// A command that makes a service read its files again.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct ReloadModel {
    /// Program and arguments, run by the agent's user and without a shell.
    #[tf(required, validate = items(1..=64), validate = custom(names_program))]
    command: Value<Vec<String>>,
    /// After this long it is ended and counts as failed.
    #[tf(optional, default = "30s", validate = check(Lifetime::parse))]
    timeout: Value<String>,
}

#[allow(clippy::ptr_arg, reason = "a validator is given the attribute's own type")]
fn names_program(command: &Vec<String>) -> std::result::Result<(), String> {
    if command.first().is_some_and(String::is_empty) { Err("must name a program first".to_owned()) } else { Ok(()) }
}

/// How long what the authority signs lives. Durations such as `45s`, `24h` or `7d`; of whatever is not an authority, from 15
/// seconds to 366 days.
#[derive(Clone, PartialEq, Model)]
#[allow(clippy::struct_field_names, reason = "the fields are the attributes that users write")]
pub(crate) struct AuthorityModel {
    /// Certificates of services, renewed at two thirds of their life. Default: `24h`.
    #[tf(optional, validate = check(parse_lifetime))]
    service_certificate_lifetime: Value<String>,
    /// Certificates by which agents authenticate, renewed at two thirds of their life. Default: `24h`.
    #[tf(optional, validate = check(parse_lifetime))]
    node_certificate_lifetime: Value<String>,
    /// Certificates of project users, renewed at two thirds of their life. Default: `7d`.
    #[tf(optional, validate = check(parse_lifetime))]
    project_user_certificate_lifetime: Value<String>,
    /// How long a CRL is good; a new one is published at half of it. Default: `24h`.
    #[tf(optional, validate = check(parse_lifetime))]
    crl_lifetime: Value<String>,
    /// Tokens of project users: how long one lives, and the longest that may be asked for. Default: `1h`.
    #[tf(optional, validate = check(parse_lifetime))]
    token_lifetime: Value<String>,
    /// How long a key signs tokens before the next one does, at least 5 minutes whatever is declared. Default: `30d`.
    #[tf(optional, validate = check(parse_lifetime))]
    token_key_lifetime: Value<String>,
    /// How long a root lives: at least twice `intermediate_lifetime`. Its successor takes over at half of it; takes effect
    /// with the next one. Default: `3650d`.
    #[tf(optional, validate = check(Lifetime::parse))]
    root_lifetime: Value<String>,
    /// How long an intermediate lives: at least three times as long as any certificate. Its successor takes over at two
    /// thirds of it; takes effect with the next one. Default: `1825d`.
    #[tf(optional, validate = check(Lifetime::parse))]
    intermediate_lifetime: Value<String>,
    /// Kind of key of roots and intermediates: `ecdsa_p256`, `ecdsa_p384`, `ed25519`, `rsa_2048`, `rsa_3072` or `rsa_4096`.
    /// Takes effect with the next one. Default: `ecdsa_p256`.
    #[tf(optional, validate = one_of(KeyAlgorithm::ALL.map(KeyAlgorithm::as_str)))]
    authority_key_algorithm: Value<String>,
    /// Kind of key of project users, likewise. Takes effect with the next renewal. Default: `ecdsa_p256`.
    #[tf(optional, validate = one_of(KeyAlgorithm::ALL.map(KeyAlgorithm::as_str)))]
    project_user_key_algorithm: Value<String>,
    /// Kind of the key that signs tokens: `ecdsa_p256` (ES256) or `ed25519` (`EdDSA`). Takes effect with the next key. Default:
    /// `ecdsa_p256`.
    #[tf(optional, validate = one_of(KeyAlgorithm::OF_TOKENS.map(KeyAlgorithm::as_str)))]
    token_key_algorithm: Value<String>,
    /// In how many lists the revoked certificates of an intermediate are kept, 1 to 256. One is enough for some ten
    /// thousand. Takes effect with the next intermediate. Default: 1.
    #[tf(optional, validate = between(1, i64::from(MAX_CRL_SHARDS)))]
    crl_shards: Value<i64>,
}

/// A node of the cluster.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct NodeModel {
    /// Name of the node.
    #[tf(computed)]
    name: Value<String>,
    /// `head`, or the worker group.
    #[tf(computed)]
    group: Value<String>,
    /// DNS name of the node, the common name of its certificates.
    #[tf(computed)]
    dns_name: Value<String>,
}

/// The declared parts of a cluster's model.
#[derive(Clone, PartialEq)]
pub(crate) struct Declared {
    pub(crate) worker_groups: Value<BTreeMap<String, WorkerGroupModel>>,
    pub(crate) services: Value<BTreeMap<String, ServiceModel>>,
    pub(crate) token_audiences: Value<BTreeMap<String, TokenClaimsModel>>,
    pub(crate) authority: Value<AuthorityModel>,
}

impl Declared {
    /// What the daemon is told. Fails at the attribute that breaks a rule or is not known.
    pub(crate) fn to_put(&self) -> Result<PutCluster> {
        let mut put = PutCluster::default();
        for (name, group) in self.worker_groups.known().into_iter().flatten() {
            let path = Path::root().attr("worker_groups").key(name.as_str());
            let count = group.count.known().and_then(|count| u32::try_from(*count).ok());
            let count = count.ok_or_else(|| invalid("it must be a whole number from 0", path.clone().attr("count")))?;
            put.worker_groups.insert(parse(GroupName::parse(name), path)?, WorkerGroup { count });
        }
        for (name, service) in self.services.known().into_iter().flatten() {
            let path = Path::root().attr("services").key(name.as_str());
            put.services.insert(parse(ServiceName::parse(name), path.clone())?, service.to_service(&path)?);
        }
        for (name, claims) in self.token_audiences.known().into_iter().flatten() {
            let path = Path::root().attr("token_audiences").key(name.as_str());
            put.token_audiences.insert(parse(Audience::parse(name), path)?, claims.to_claims());
        }
        if let Some(authority) = self.authority.known() {
            put.authority = authority.to_settings()?;
        }
        put.check()
            .map_err(|error| Diagnostic::error("The cluster's declaration is not valid").detail(format!("{error}.")))?;
        Ok(put)
    }

    /// Whether nothing of it is to be known only when applying.
    pub(crate) fn is_known(&self) -> bool {
        let Self { worker_groups, services, token_audiences, authority } = self;
        let all = [worker_groups.encode(), services.encode(), token_audiences.encode(), authority.encode()];
        all.iter().all(Dynamic::is_wholly_known)
    }

    /// The same declaration, in the words that were used before where they mean what the daemon has.
    pub(crate) fn from_put(put: &PutCluster, before: &Self) -> Self {
        let same = |change: fn(&mut Self, Self)| {
            // A part keeps its spelling (null or default, 60m or 1h) if it says the same.
            let mut candidate = Self::spelled(put);
            change(&mut candidate, before.clone());
            candidate.to_put().is_ok_and(|said| said == *put)
        };
        let spelled = Self::spelled(put);
        Self {
            worker_groups: if same(|new, old| new.worker_groups = old.worker_groups) {
                before.worker_groups.clone()
            } else {
                spelled.worker_groups
            },
            services: if same(|new, old| new.services = old.services) {
                before.services.clone()
            } else {
                spelled.services
            },
            token_audiences: if same(|new, old| new.token_audiences = old.token_audiences) {
                before.token_audiences.clone()
            } else {
                spelled.token_audiences
            },
            authority: if same(|new, old| new.authority = old.authority) {
                before.authority.clone()
            } else {
                spelled.authority
            },
        }
    }

    /// The nodes that this declaration makes, when it is known.
    pub(crate) fn planned_nodes(&self, cluster: &ClusterName) -> Value<Vec<NodeModel>> {
        if self.worker_groups.is_unknown() {
            return Value::Unknown;
        }
        let mut nodes = vec![node(&NodeName::head(), "head", cluster)];
        for (name, group) in self.worker_groups.known().into_iter().flatten() {
            let (Ok(parsed), Some(count)) = (GroupName::parse(name), group.count.known()) else {
                return Value::Unknown;
            };
            nodes.extend(
                (0..u32::try_from(*count).unwrap_or(0))
                    .map(|index| node(&NodeName::worker(&parsed, index), name, cluster)),
            );
        }
        nodes.into()
    }

    fn spelled(put: &PutCluster) -> Self {
        let count = |group: &WorkerGroup| WorkerGroupModel { count: i64::from(group.count).into() };
        let worker_groups: BTreeMap<_, _> =
            put.worker_groups.iter().map(|(name, group)| (name.to_string(), count(group))).collect();
        let services: BTreeMap<_, _> =
            put.services.iter().map(|(name, service)| (name.to_string(), ServiceModel::spelled(service))).collect();
        let token_audiences: BTreeMap<_, _> = put
            .token_audiences
            .iter()
            .map(|(audience, claims)| (audience.to_string(), TokenClaimsModel::spelled(claims)))
            .collect();
        let or_null = |empty: bool| if empty { Presence::Absent } else { Presence::Present };
        Self {
            worker_groups: present(or_null(worker_groups.is_empty()), worker_groups),
            services: present(or_null(services.is_empty()), services),
            token_audiences: present(or_null(token_audiences.is_empty()), token_audiences),
            authority: present(
                or_null(put.authority == AuthoritySettings::default()),
                AuthorityModel::spelled(&put.authority),
            ),
        }
    }
}

/// The nodes that are there, without those that are on their way out.
pub(crate) fn nodes_of(cluster: &Cluster) -> Vec<NodeModel> {
    let staying = cluster.nodes.iter().filter(|node| node.state != ringfence_api::node::NodeState::Removing);
    staying.map(|present| node(&present.name, &present.group, &cluster.name)).collect()
}

/// A duration within the bounds of what is signed.
fn parse_lifetime(text: &str) -> std::result::Result<Lifetime, String> {
    let lifetime = Lifetime::parse(text).map_err(|error| error.to_string())?;
    let (low, high) = LIFETIME_BOUNDS;
    if (low..=high).contains(&lifetime) { Ok(lifetime) } else { Err(format!("it must be from {low} to {high}")) }
}

fn parse_address(text: &str) -> std::result::Result<std::net::IpAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is not an IP address"))
}

impl ServiceModel {
    /// Where it runs.
    pub(crate) fn node_groups(&self) -> &Value<BTreeSet<String>> {
        &self.node_groups
    }

    fn to_service(&self, path: &Path) -> Result<ringfence_api::cluster::Service> {
        let texts = |value: &Value<BTreeSet<String>>| value.known().cloned().unwrap_or_default();
        let each = |attribute: &str| path.clone().attr(attribute);
        let user = self.user.known().map_or("", String::as_str);
        let dns_names = texts(&self.dns_names)
            .iter()
            .map(|text| parse(DnsName::parse(text), each("dns_names")))
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
        Ok(ringfence_api::cluster::Service {
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

    fn spelled(service: &ringfence_api::cluster::Service) -> Self {
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

impl TokenClaimsModel {
    fn to_claims(&self) -> TokenClaims {
        let claims = self.claims.known().into_iter().flatten();
        TokenClaims {
            subject: self.subject.as_str().and_then(SubjectClaim::from_word).unwrap_or_default(),
            claims: claims.filter_map(|(name, source)| Some((name.clone(), ClaimSource::from_word(source)?))).collect(),
        }
    }

    fn spelled(claims: &TokenClaims) -> Self {
        let more: BTreeMap<_, _> =
            claims.claims.iter().map(|(name, source)| (name.clone(), source.as_str().to_owned())).collect();
        Self {
            subject: claims.subject.as_str().into(),
            claims: if more.is_empty() { Value::Null } else { more.into() },
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

impl AuthorityModel {
    fn to_settings(&self) -> Result<AuthoritySettings> {
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

    fn spelled(settings: &AuthoritySettings) -> Self {
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

fn node(name: &NodeName, group: &str, cluster: &ClusterName) -> NodeModel {
    NodeModel { name: name.as_str().into(), group: group.into(), dns_name: name.dns_name(cluster).as_str().into() }
}

fn present<T>(presence: Presence, value: T) -> Value<T> {
    if presence == Presence::Present { Value::Known(value) } else { Value::Null }
}

fn parse<T, E: std::fmt::Display>(parsed: std::result::Result<T, E>, path: Path) -> Result<T> {
    parsed.map_err(|error| invalid(&error.to_string(), path))
}

fn invalid(rule: &str, path: Path) -> Diagnostics {
    Diagnostic::error("The cluster's declaration is not valid").detail(format!("{rule}.")).at(path).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> Declared {
        let group = WorkerGroupModel { count: 2.into() };
        Declared {
            worker_groups: BTreeMap::from([("workers".to_owned(), group)]).into(),
            services: Value::Null,
            token_audiences: Value::Null,
            authority: AuthorityModel { service_certificate_lifetime: "60m".into(), ..AuthorityModel::default() }
                .into(),
        }
    }

    #[test]
    fn what_says_the_same_keeps_its_spelling() {
        let before = declared();
        let put = before.to_put().unwrap();
        assert!(Declared::from_put(&put, &before) == before);
    }

    #[test]
    fn what_was_changed_outside_shows() {
        let before = declared();
        let mut put = before.to_put().unwrap();
        put.worker_groups.values_mut().for_each(|group| group.count = 3);
        let after = Declared::from_put(&put, &before);
        assert!(after.worker_groups.known().unwrap()["workers"].count == 3.into());
        assert!(after.authority == before.authority);
    }

    #[test]
    fn planned_nodes_are_known_before_they_exist() {
        let cluster = ClusterName::parse("demo").unwrap();
        let nodes = declared().planned_nodes(&cluster);
        let names: Vec<&str> = nodes.known().unwrap().iter().filter_map(|node| node.dns_name.as_str()).collect();
        assert_eq!(names, ["head.demo.internal", "workers-0.demo.internal", "workers-1.demo.internal"]);
    }

    #[test]
    fn a_broken_rule_is_named_at_its_attribute() {
        let mut broken = declared();
        broken.authority.known_mut().unwrap().crl_lifetime = "1s".into();
        let error = broken.to_put().unwrap_err();
        let first = error.iter().next().unwrap();
        assert!(first.detail_text().contains("from 15s to"), "{}", first.detail_text());
        assert_eq!(*first.path(), Path::root().attr("authority").attr("crl_lifetime"));
    }
}
