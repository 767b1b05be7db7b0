//! What a `ringfence_cluster` declares, between Terraform's words and the daemon's. Pure.

mod authority;
mod node;
mod service;
mod token_claims;

use std::collections::BTreeMap;

use ringfence_api::cluster::{AuthoritySettings, PutCluster, WorkerGroup};
use ringfence_api::{Audience, GroupName, ServiceName};
use tfplugin_rs::Field as _;
use tfplugin_rs::prelude::*;

pub(crate) use authority::AuthorityModel;
pub(crate) use node::{NodeModel, WorkerGroupModel, nodes_of, planned_nodes};
pub(crate) use service::ServiceModel;
pub(crate) use token_claims::TokenClaimsModel;

/// The declared parts of a cluster's model.
#[derive(Clone, PartialEq)]
pub(crate) struct Declared {
    pub(crate) worker_groups: Value<BTreeMap<String, WorkerGroupModel>>,
    pub(crate) services: Value<BTreeMap<String, ServiceModel>>,
    pub(crate) token_audiences: Value<BTreeMap<String, TokenClaimsModel>>,
    pub(crate) authority: Value<AuthorityModel>,
}

impl Declared {
    /// The declaration for the daemon. Fails at the attribute that breaks a rule or is not known.
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
    use ringfence_api::ClusterName;

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
        let nodes = planned_nodes(&declared().worker_groups, &cluster);
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
