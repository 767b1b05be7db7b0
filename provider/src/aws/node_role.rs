//! The inputs of the documents of a node role.

use std::collections::BTreeSet;

use ringfence_policy::aws::{AccountId, BucketName, KubernetesName, NodeGrant, NodeRole, Region, StackName};
use tfplugin_rs::prelude::*;

use super::{Fault, partition, required, text, texts};

/// A model with the inputs of a node role's documents, and with more attributes.
macro_rules! node_role_model {
    ($(#[$meta:meta])* $name:ident { $($(#[$more_meta:meta])* $more:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Model)]
        pub(crate) struct $name {
            /// Number of the account: 12 digits.
            #[tf(required, validate = check(ringfence_policy::aws::AccountId::parse))]
            account_id: Value<String>,
            /// Region, such as `eu-north-1`.
            #[tf(required, validate = check(ringfence_policy::aws::Region::parse))]
            region: Value<String>,
            /// Partition of the account. Default: the region's.
            #[tf(optional, validate = one_of(ringfence_policy::aws::Partition::ALL.map(ringfence_policy::aws::Partition::as_str)))]
            partition: Value<String>,
            /// Name of the onboarding, as in the cross-account policy.
            #[tf(required, validate = check(ringfence_policy::aws::StackName::parse))]
            stack: Value<String>,
            /// Bucket of the cluster, for the grants `storage` and `backup`.
            #[tf(optional, validate = check(ringfence_policy::aws::BucketName::parse))]
            bucket_name: Value<String>,
            /// Names of the EKS clusters that nodes may find, for the grant `eks`.
            #[tf(optional, validate = each(check(ringfence_policy::aws::KubernetesName::parse)))]
            eks_cluster_names: Value<BTreeSet<String>>,
            /// Capabilities that are switched on: `backup`, `cloudwatch`, `ecr`, `eks`, `storage`. What stops working without
            /// each: see the guide on AWS.
            #[tf(required, validate = each(one_of(ringfence_policy::aws::NodeGrant::ALL.map(ringfence_policy::aws::NodeGrant::as_str))))]
            grants: Value<BTreeSet<String>>,
            $($(#[$more_meta])* $more: $type,)*
        }

        impl $name {
            pub(crate) fn inputs(&self) -> crate::aws::NodeRoleInputs<'_> {
                crate::aws::NodeRoleInputs {
                    account_id: &self.account_id,
                    region: &self.region,
                    partition: &self.partition,
                    stack: &self.stack,
                    bucket_name: &self.bucket_name,
                    eks_cluster_names: &self.eks_cluster_names,
                    grants: &self.grants,
                }
            }
        }
    };
}
pub(crate) use node_role_model;

/// The inputs, wherever they stand.
pub(crate) struct NodeRoleInputs<'a> {
    pub(crate) account_id: &'a Value<String>,
    pub(crate) region: &'a Value<String>,
    pub(crate) partition: &'a Value<String>,
    pub(crate) stack: &'a Value<String>,
    pub(crate) bucket_name: &'a Value<String>,
    pub(crate) eks_cluster_names: &'a Value<BTreeSet<String>>,
    pub(crate) grants: &'a Value<BTreeSet<String>>,
}

impl NodeRoleInputs<'_> {
    /// Whether all of it is known.
    pub(crate) fn is_known(&self) -> bool {
        let texts = [self.account_id, self.region, self.partition, self.stack, self.bucket_name];
        let sets = [self.eks_cluster_names, self.grants];
        texts.iter().all(|text| !text.is_unknown()) && sets.iter().all(|set| !set.is_unknown())
    }

    /// The request; or what is wrong with it, as far as it is known.
    pub(crate) fn request(&self) -> std::result::Result<NodeRole, Vec<Fault>> {
        let mut faults = Vec::new();
        let out = &mut faults;
        let account = required(self.account_id, "account_id", AccountId::parse, out);
        let region = required(self.region, "region", Region::parse, out);
        let partition = partition(self.partition, region.as_ref(), out);
        let stack = required(self.stack, "stack", StackName::parse, out);
        let unknown_grant = |word: &str| {
            let all = NodeGrant::ALL.map(NodeGrant::as_str).join(", ");
            NodeGrant::from_word(word).ok_or_else(|| format!("{word:?} is not a grant; there are {all}"))
        };
        let request = NodeRole {
            bucket: text(self.bucket_name, "bucket_name", BucketName::parse, out),
            kubernetes: texts(self.eks_cluster_names, "eks_cluster_names", KubernetesName::parse, out),
            grants: texts(self.grants, "grants", unknown_grant, out),
            account: account.ok_or_else(|| std::mem::take(out))?,
            region: region.ok_or_else(|| std::mem::take(out))?,
            stack: stack.ok_or_else(|| std::mem::take(out))?,
            partition: partition.ok_or_else(|| std::mem::take(out))?,
        };
        if faults.is_empty() && self.is_known() {
            faults.extend(request.missing());
            faults.extend(request.policy_within_limits().err().map(|error| ("grants", error.to_string())));
        }
        if faults.is_empty() { Ok(request) } else { Err(faults) }
    }
}
