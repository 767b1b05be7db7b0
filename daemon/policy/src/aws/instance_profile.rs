//! The node role: what programs on a node may do, and the most that they can ever be given.

use std::collections::BTreeSet;

use super::document::{DocumentError, MANAGED_LIMIT};
use super::fault::Fault;
use super::grant::NodeGrant;
use super::name::{AccountId, BucketName, KubernetesName, Partition, Region, StackName};
use super::template::{INSTANCE_PROFILE_POLICY, PERMISSIONS_BOUNDARY, Rendered, Values, render};
use super::trust::node_trust;

/// What the documents of a node role are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRole {
    /// The partition of the account.
    pub partition: Partition,
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The name of the onboarding.
    pub stack: StackName,
    /// The cluster's bucket.
    pub bucket: Option<BucketName>,
    /// The Kubernetes clusters that nodes find.
    pub kubernetes: BTreeSet<KubernetesName>,
    /// What is switched on.
    pub grants: BTreeSet<NodeGrant>,
}

impl NodeRole {
    /// The policy.
    pub fn policy(&self) -> Rendered {
        render(INSTANCE_PROFILE_POLICY, &self.values(), |word| self.is_on(word))
    }

    /// The policy, if it fits into one managed policy.
    pub fn policy_within_limits(&self) -> Result<Rendered, DocumentError> {
        let rendered = self.policy();
        let size = rendered.document.size();
        if size <= MANAGED_LIMIT {
            return Ok(rendered);
        }
        let advice = "name fewer Kubernetes clusters, or drop a grant".to_owned();
        Err(DocumentError::TooLong {
            what: "the instance profile policy".to_owned(),
            size,
            limit: MANAGED_LIMIT,
            advice,
        })
    }

    /// The permissions boundary.
    pub fn boundary(&self) -> Rendered {
        render(PERMISSIONS_BOUNDARY, &self.values(), |word| self.is_on(word))
    }

    /// The trust policy.
    pub fn trust(&self) -> Rendered {
        node_trust(self.partition)
    }

    /// What a grant needs and was not named: the attribute and why.
    pub fn missing(&self) -> Option<Fault> {
        let on = |grant| self.grants.contains(&grant);
        if self.bucket.is_none()
            && let Some(grant) = [NodeGrant::Storage, NodeGrant::Backup].into_iter().find(|grant| on(*grant))
        {
            return Some(Fault::new("bucket_name", format!("the grant {grant} is about a bucket; name it")));
        }
        if on(NodeGrant::Backup) && !on(NodeGrant::Storage) {
            return Some(Fault::new("grants", "the grant backup keeps versions of what storage writes; add storage"));
        }
        if on(NodeGrant::Eks) && self.kubernetes.is_empty() {
            return Some(Fault::new("eks_cluster_names", "the grant eks is about Kubernetes clusters; name them"));
        }
        None
    }

    fn is_on(&self, word: &str) -> bool {
        NodeGrant::from_word(word).is_some_and(|grant| self.grants.contains(&grant))
    }

    fn values(&self) -> Values {
        [
            ("partition", vec![self.partition.to_string()]),
            ("account", vec![self.account.to_string()]),
            ("region", vec![self.region.to_string()]),
            ("stack", vec![self.stack.to_string()]),
            ("bucket", self.bucket.iter().map(ToString::to_string).collect()),
            ("eks_cluster", self.kubernetes.iter().map(ToString::to_string).collect()),
        ]
        .into()
    }
}
