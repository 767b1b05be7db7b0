//! The request for the documents of a node role.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Checker, Unknown, word_of};
use crate::aws::fault::Fault;
use crate::aws::grant::NodeGrant;
use crate::aws::instance_profile::NodeRole;
use crate::aws::name::{AccountId, BucketName, KubernetesName, Region, StackName};

/// The request, as it is written. What is not given is not written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeRoleRequest {
    /// Number of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Partition. Default: the region's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// Name of the onboarding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// Bucket of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_name: Option<String>,
    /// Names of the EKS clusters that nodes may find.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eks_cluster_names: Option<BTreeSet<String>>,
    /// Grants that are switched on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grants: Option<BTreeSet<String>>,
}

impl NodeRoleRequest {
    /// The request with its words checked; or everything that is wrong with it.
    pub fn check(&self) -> Result<NodeRole, Vec<Fault>> {
        let (checked, mut faults) = self.check_known(&Unknown::new());
        if let Some(checked) = checked.as_ref().filter(|_| faults.is_empty()) {
            faults.extend(checked.missing());
            faults.extend(checked.policy_within_limits().err().map(|error| Fault::new("grants", error.to_string())));
        }
        checked.filter(|_| faults.is_empty()).ok_or(faults)
    }

    /// What is wrong with what is known, whatever the unknown attributes turn out to be.
    pub fn faults(&self, unknown: &Unknown) -> Vec<Fault> {
        if unknown.is_empty() { self.check().err().unwrap_or_default() } else { self.check_known(unknown).1 }
    }

    fn check_known(&self, unknown: &Unknown) -> (Option<NodeRole>, Vec<Fault>) {
        let mut checker = Checker::new(unknown);
        let account = checker.required("account_id", self.account_id.as_ref(), AccountId::parse);
        let region = checker.required("region", self.region.as_ref(), Region::parse);
        let partition = checker.partition(self.partition.as_ref(), region.as_ref());
        let stack = checker.required("stack", self.stack.as_ref(), StackName::parse);
        let bucket = checker.optional("bucket_name", self.bucket_name.as_ref(), BucketName::parse);
        let kubernetes = checker.all("eks_cluster_names", self.eks_cluster_names.as_ref(), KubernetesName::parse);
        let grants = checker.all("grants", self.grants.as_ref(), |word| {
            word_of(word, NodeGrant::from_word, "a grant", &NodeGrant::ALL.map(NodeGrant::as_str))
        });
        let checked = match (partition, account, region, stack) {
            (Some(partition), Some(account), Some(region), Some(stack)) => {
                Some(NodeRole { partition, account, region, stack, bucket, kubernetes, grants })
            }
            _ => None,
        };
        (checked, checker.faults)
    }
}
