//! Grants: capabilities that can be switched off, each with what stops working without it.

use std::fmt;

/// A capability of the cross-account role. All are off unless asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl Grant {
    /// Every grant.
    pub const ALL: [Self; 8] = [
        Self::Autoscale,
        Self::Backup,
        Self::LoadBalancer,
        Self::NetworkChecks,
        Self::OpenPorts,
        Self::PublicIp,
        Self::Resize,
        Self::Spot,
    ];

    /// The word in declarations and templates.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Autoscale => "autoscale",
            Self::Backup => "backup",
            Self::LoadBalancer => "load_balancer",
            Self::NetworkChecks => "network_checks",
            Self::OpenPorts => "open_ports",
            Self::PublicIp => "public_ip",
            Self::Resize => "resize",
            Self::Spot => "spot",
        }
    }

    /// The grant of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == word)
    }

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

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A capability of the node role, which is what programs on a node may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl NodeGrant {
    /// Every grant.
    pub const ALL: [Self; 5] = [Self::Backup, Self::Cloudwatch, Self::Ecr, Self::Eks, Self::Storage];

    /// The word in declarations and templates.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Cloudwatch => "cloudwatch",
            Self::Ecr => "ecr",
            Self::Eks => "eks",
            Self::Storage => "storage",
        }
    }

    /// The grant of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == word)
    }

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

impl fmt::Display for NodeGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
