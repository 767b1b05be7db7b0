//! Grants: capabilities that can be switched off, each with what stops working without it.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::word::words;

/// A capability of the cross-account role. All are off unless asked for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Grant {
    /// Moves idle nodes between groups and launches where there is capacity.
    Autoscale,
    /// Snapshots and images of the stack's disks.
    Backup,
    /// Internal network load balancers.
    LoadBalancer,
    /// Early warnings about the network.
    NetworkChecks,
    /// Opening and closing ports.
    OpenPorts,
    /// Nodes with public addresses.
    PublicIp,
    /// Changing the type of a node in place.
    Resize,
    /// Nodes on spare capacity.
    Spot,
}

words!(Grant);

impl Grant {
    /// What stops working without it.
    pub fn without(self) -> &'static str {
        match self {
            Self::Autoscale => {
                "groups keep their size, and a launch fails when the declared machine type has no capacity in its zone"
            }
            Self::Backup => "no backup and no restore",
            Self::LoadBalancer => "no load balancer for clients outside the VPC, unless its owner builds one by hand",
            Self::NetworkChecks => "a VPC or group that does not fit shows only as a cluster that does not come up",
            Self::OpenPorts => "the owner of the VPC opens and closes ports by hand",
            Self::PublicIp => "nodes have private addresses only, and need a NAT gateway or endpoints to reach AWS",
            Self::Resize => "another machine type replaces a node instead of changing it in place",
            Self::Spot => "nodes run on demand only, at the full price",
        }
    }
}

/// A capability of the node role, which is what programs on a node may do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum NodeGrant {
    /// Versions in the bucket.
    Backup,
    /// Metrics and logs.
    Cloudwatch,
    /// The stack's own image repositories.
    Ecr,
    /// Finding Kubernetes clusters.
    Eks,
    /// The bucket.
    Storage,
}

words!(NodeGrant);

impl NodeGrant {
    /// What stops working without it.
    pub fn without(self) -> &'static str {
        match self {
            Self::Backup => "files that are overwritten or deleted in the bucket cannot be brought back",
            Self::Cloudwatch => "metrics and logs are read on the nodes only",
            Self::Ecr => "images come from elsewhere, and nodes build none of their own",
            Self::Eks => "no programs in Kubernetes beside the cluster",
            Self::Storage => "the cluster keeps its files on the disks of its nodes",
        }
    }
}
