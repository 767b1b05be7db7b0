//! The attributes that ask for the documents of a node role.

/// A model with the attributes that ask for a node role's documents, and with more attributes.
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
            #[tf(
                optional,
                validate = one_of(ringfence_policy::aws::Partition::ALL.map(ringfence_policy::aws::Partition::as_str))
            )]
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
            /// Capabilities that are switched on: `backup`, `cloudwatch`, `ecr`, `eks`, `storage`. What stops working
            /// without each: see the guide on AWS.
            #[tf(
                required,
                validate = each(one_of(
                    ringfence_policy::aws::NodeGrant::ALL.map(ringfence_policy::aws::NodeGrant::as_str)
                ))
            )]
            grants: Value<BTreeSet<String>>,
            $($(#[$more_meta])* $more: $type,)*
        }

        impl $name {
            pub(crate) fn request(&self) -> crate::aws::PartialRequest<ringfence_policy::aws::NodeRoleRequest> {
                use crate::aws::known;
                let mut unknown = ringfence_policy::aws::Unknown::new();
                let request = ringfence_policy::aws::NodeRoleRequest {
                    account_id: known("account_id", &self.account_id, &mut unknown),
                    region: known("region", &self.region, &mut unknown),
                    partition: known("partition", &self.partition, &mut unknown),
                    stack: known("stack", &self.stack, &mut unknown),
                    bucket_name: known("bucket_name", &self.bucket_name, &mut unknown),
                    eks_cluster_names: known("eks_cluster_names", &self.eks_cluster_names, &mut unknown),
                    grants: known("grants", &self.grants, &mut unknown),
                };
                crate::aws::PartialRequest { request, unknown }
            }
        }
    };
}
pub(crate) use node_role_model;
