//! Orders for certificates of nodes and services: what a certificate contains, and whether its holder may still have it
//! when it is recorded.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use ringfence_api::certificate::{CertificateHolder, CertificateProfile};
use ringfence_api::node::NodeState;
use ringfence_api::{ClusterName, Lifetime, NodeName, ProblemCode, ServiceName};
use ringfence_pki::Request;
use ringfence_store::Transaction;
use ringfence_store::cluster::ClusterRow;
use ringfence_store::node::NodeRow;

use crate::authority::{Authorities, Identity, Issuers, Order, Signed, Verdict, lifetime_of};
use crate::base::{Answer, Failure};
use crate::node::desired::services_of;

/// A certificate for a node, or for a service on it.
#[derive(Debug)]
pub(crate) struct OnNode {
    pub(super) node: NodeName,
    pub(super) service: Option<ServiceName>,
    pub(super) request: Request,
    pub(super) purpose: Purpose,
}

/// Who holds the key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The agent of the node; the lifetime is declared.
    Agent,
    /// The caller that sent the CSR; the lifetime may be requested.
    Csr(Option<Lifetime>),
}

#[async_trait]
impl Order for OnNode {
    const TRANSACTION: &'static str = "issue_certificates";

    async fn sign(&self, authorities: &Authorities, issuers: &Arc<Issuers>) -> Answer<Signed> {
        if self.service.is_none() {
            return sign_for_node(authorities, issuers, &self.node, &self.request);
        }
        let mut tx = authorities.base.store.read("issue_certificate").await?;
        let node = find_node(&mut tx, &self.node).await?;
        let identity = self.identity(&tx.cluster().get().await?, &node);
        drop(tx);
        let identity = identity.ok_or_else(|| self.undeclared())?;
        let declared = issuers.settings.service_certificate_lifetime;
        let (holder, lifetime) = match self.purpose {
            Purpose::Agent => (CertificateHolder::Agent, declared),
            Purpose::Csr(requested) => {
                (CertificateHolder::Caller, lifetime_of(CertificateProfile::Service, requested, declared)?)
            }
        };
        authorities.sign(issuers, (CertificateProfile::Service, holder), identity, self.request.public_key(), lifetime)
    }

    async fn check(tx: &mut Transaction, all: &[(&Self, &Signed)]) -> Answer<Vec<Verdict>> {
        let cluster = tx.cluster().get().await?;
        let mut verdicts = Vec::new();
        for (order, signed) in all {
            let identity = match find_node(tx, &order.node).await {
                Ok(node) => order.identity(&cluster, &node),
                Err(failure) => {
                    verdicts.push(Verdict::Refused(failure));
                    continue;
                }
            };
            verdicts.push(match identity {
                Some(identity) if identity == signed.identity => order.within_quota(tx, signed.at).await?,
                // Signing it again refuses it if it is no longer declared.
                _ => Verdict::Outdated,
            });
        }
        Ok(verdicts)
    }

    fn audit_action(&self) -> &'static str {
        match self.purpose {
            Purpose::Agent => "issue_certificate",
            Purpose::Csr(_) => "hand_out_certificate",
        }
    }

    fn audit_object(&self) -> String {
        self.service.as_ref().map_or_else(|| self.node.to_string(), |service| format!("{service}@{}", self.node))
    }
}

/// How many unexpired certificates an agent may have been issued for its node, or for one service on it. With the usual
/// lifetime of a day, somebody may rotate a hundred times a day.
const QUOTA: i64 = 100;

impl OnNode {
    /// Refuses an agent that asks for certificates without end. Callers with CSRs are the operator's to judge.
    async fn within_quota(&self, tx: &mut Transaction, now: Timestamp) -> Answer<Verdict> {
        if matches!(self.purpose, Purpose::Csr(_)) {
            return Ok(Verdict::Valid);
        }
        let issued = tx.certificates().count_of_holder(&self.node, self.service.as_ref(), now).await?;
        if issued < QUOTA {
            return Ok(Verdict::Valid);
        }
        let detail = format!(
            "{} has been issued {issued} certificates that have not expired, and may have {QUOTA}; it can have another \
             when one has expired",
            self.audit_object()
        );
        Ok(Verdict::Refused(Failure::new(ProblemCode::QuotaExceeded, detail)))
    }

    fn undeclared(&self) -> Failure {
        let service = self.service.as_ref().map_or_else(String::new, ToString::to_string);
        match self.purpose {
            Purpose::Agent => {
                let detail = format!("service {service} is not declared on node {}", self.node);
                Failure::new(ProblemCode::Forbidden, detail)
            }
            Purpose::Csr(_) => Failure::not_found(format!("service {service} declared on node {}", self.node)),
        }
    }

    /// The names and attributes of the certificate, if it is declared.
    fn identity(&self, cluster: &ClusterRow, node: &NodeRow) -> Option<Identity> {
        match &self.service {
            None => Some(node_identity(&self.node, &cluster.name)),
            Some(service) => service_identity(cluster, node, service),
        }
    }
}

/// The node, unless it is being removed.
async fn find_node(tx: &mut Transaction, name: &NodeName) -> Answer<NodeRow> {
    let node = tx.nodes().find(name).await?.filter(|node| node.state != NodeState::Removing);
    node.ok_or_else(|| Failure::not_found(format!("node {name}")))
}

/// Signs a node's own certificate.
pub(super) fn sign_for_node(
    authorities: &Authorities,
    issuers: &Arc<Issuers>,
    name: &NodeName,
    request: &Request,
) -> Answer<Signed> {
    let identity = node_identity(name, &authorities.base.cluster_name);
    let profile = (CertificateProfile::Node, CertificateHolder::Agent);
    let lifetime = issuers.settings.node_certificate_lifetime;
    authorities.sign(issuers, profile, identity, request.public_key(), lifetime)
}

fn node_identity(name: &NodeName, cluster: &ClusterName) -> Identity {
    let dns_name = name.dns_name(cluster).to_string();
    Identity {
        common_name: dns_name.clone(),
        dns_names: BTreeSet::from([dns_name]),
        node: Some(name.clone()),
        ..Identity::default()
    }
}

fn service_identity(cluster: &ClusterRow, node: &NodeRow, name: &ServiceName) -> Option<Identity> {
    let services = services_of(&cluster.declared, &node.name, &node.group, &cluster.name);
    let service = services.into_iter().find(|service| service.name == *name)?;
    Some(Identity {
        common_name: node.name.dns_name(&cluster.name).to_string(),
        system_user: Some(service.user.to_string()),
        dns_names: service.dns_names.iter().map(ToString::to_string).collect(),
        ip_addresses: service.ip_addresses.into_iter().collect(),
        node: Some(node.name.clone()),
        service: Some(name.clone()),
        job: None,
    })
}
