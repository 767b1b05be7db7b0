//! The elementary checks of a call: each action on each resource that it touches, with the condition keys that AWS sets
//! for that pair, and no others.
//!
//! Which pairs and which keys: the Service Authorization Reference,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>. That a launch needs every
//! resource allowed:
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html#iam-example-runinstances>. That tags
//! set at creation are a check of their own, with `ec2:CreateAction`:
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html>.

use std::collections::BTreeMap;

use crate::inventory::Inventory;
use crate::query::Query;

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// `service:Action`.
    pub action: String,
    /// The resource's ARN, or `*` when the action knows none.
    pub resource: String,
    /// The condition keys that AWS sets.
    pub keys: BTreeMap<String, Value>,
}

/// The value of a condition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// Several.
    Texts(Vec<String>),
    /// True or false: the evaluator wants it typed.
    Flag(bool),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Keys of a check.
pub(crate) type Keys = BTreeMap<String, Value>;

/// A call being taken apart.
pub(crate) struct Parts<'a> {
    pub(crate) query: &'a Query,
    pub(crate) inventory: &'a Inventory,
    checks: Vec<Check>,
}

/// The checks of a call.
pub(crate) async fn checks(query: &Query, inventory: &Inventory) -> Vec<Check> {
    let mut parts = Parts { query, inventory, checks: Vec::new() };
    match query.service.as_str() {
        "ec2" => parts.ec2().await,
        "iam" => parts.iam().await,
        "elasticloadbalancing" => parts.balancing().await,
        _ => parts.add(&format!("{}:{}", query.service, query.action), "*".to_owned(), Keys::new()),
    }
    parts.checks
}

/// The keys of the tags that a call sets.
pub(crate) fn request_tags(tags: &BTreeMap<String, String>) -> Keys {
    let mut keys: Keys =
        tags.iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), value.as_str().into())).collect();
    if !tags.is_empty() {
        keys.insert("aws:TagKeys".to_owned(), Value::Texts(tags.keys().cloned().collect()));
    }
    keys
}

impl Parts<'_> {
    /// One more check.
    pub(crate) fn add(&mut self, action: &str, resource: String, mut keys: Keys) {
        let region = if action.starts_with("iam:") { "us-east-1" } else { self.query.region.as_str() };
        keys.insert("aws:RequestedRegion".to_owned(), region.into());
        self.checks.push(Check { action: action.to_owned(), resource, keys });
    }

    fn arn(&self, what: &str) -> String {
        let account = if what.starts_with("image/") || what.starts_with("snapshot/") { "" } else { crate::ACCOUNT };
        format!("arn:aws:ec2:{}:{account}:{what}", self.query.region)
    }

    /// A resource that is there: its tags, and what else AWS tells of its kind.
    async fn existing(&self, kind: &str, id: &str) -> Keys {
        let found = self.inventory.find(kind, id, &self.query.region).await;
        let mut keys: Keys =
            found.tags.iter().map(|(key, value)| (format!("aws:ResourceTag/{key}"), value.as_str().into())).collect();
        if let Some(vpc) = &found.vpc {
            keys.insert("ec2:Vpc".to_owned(), self.arn(&format!("vpc/{vpc}")).as_str().into());
        }
        if let Some(profile) = &found.instance_profile {
            keys.insert("ec2:InstanceProfile".to_owned(), profile.as_str().into());
        }
        if let Some(owner) = &found.owner {
            keys.insert("ec2:Owner".to_owned(), owner.as_str().into());
        }
        keys
    }

    async fn ec2(&mut self) {
        let query = self.query;
        let action = format!("ec2:{}", query.action);
        match query.action.as_str() {
            "RunInstances" => self.launch().await,
            "StartInstances"
            | "StopInstances"
            | "RebootInstances"
            | "TerminateInstances"
            | "ModifyInstanceAttribute" => {
                let mut ids = query.list("InstanceId");
                ids.extend(query.get("InstanceId"));
                for id in ids {
                    self.on(&action, "instance", id).await;
                }
            }
            "CreateTags" | "DeleteTags" => {
                for id in query.list("ResourceId") {
                    let kind = kind_of(id);
                    let mut keys = self.existing(kind, id).await;
                    keys.extend(request_tags(&query.tags("Tag")));
                    self.add(&action, self.arn(&format!("{kind}/{id}")), keys);
                }
            }
            "DescribeVpcAttribute" => {
                self.on(&action, "vpc", query.get("VpcId").unwrap_or_default()).await;
            }
            "CreateSnapshot" => {
                self.on(&action, "volume", query.get("VolumeId").unwrap_or_default()).await;
                self.add(&action, self.arn("snapshot/*"), request_tags(&query.tags_of("snapshot")));
                self.tagging();
            }
            "DeleteSnapshot" => {
                self.on(&action, "snapshot", query.get("SnapshotId").unwrap_or_default()).await;
            }
            "DeregisterImage" => {
                self.on(&action, "image", query.get("ImageId").unwrap_or_default()).await;
            }
            "RegisterImage" => {
                self.add(&action, self.arn("image/*"), request_tags(&query.tags_of("image")));
                self.snapshots(&action).await;
                self.tagging();
            }
            "AuthorizeSecurityGroupIngress" | "RevokeSecurityGroupIngress" => {
                self.on(&action, "security-group", query.get("GroupId").unwrap_or_default()).await;
                let tags = query.tags_of("security-group-rule");
                if !tags.is_empty() {
                    self.add(&action, self.arn("security-group-rule/*"), request_tags(&tags));
                }
                self.tagging();
            }
            _ => self.add(&action, "*".to_owned(), Keys::new()),
        }
    }

    /// The check of an action on something of EC2 that is there.
    async fn on(&mut self, action: &str, kind: &str, id: &str) {
        let keys = self.existing(kind, id).await;
        self.add(action, self.arn(&format!("{kind}/{id}")), keys);
    }

    async fn launch(&mut self) {
        let (query, action) = (self.query, "ec2:RunInstances");
        let image = query.get("ImageId").unwrap_or_default();
        let keys = self.existing("image", image).await;
        self.add(action, self.arn(&format!("image/{image}")), keys);

        let profile = self.inventory.instance_profile(query).await;
        let mut keys = request_tags(&query.tags_of("instance"));
        if let Some((arn, _)) = &profile {
            keys.insert("ec2:InstanceProfile".to_owned(), arn.as_str().into());
        }
        let tokens = query.get("MetadataOptions.HttpTokens").unwrap_or("optional");
        keys.insert("ec2:MetadataHttpTokens".to_owned(), tokens.into());
        self.add(action, self.arn("instance/*"), keys);
        if let Some((_, role)) = profile {
            let keys = Keys::from([("iam:PassedToService".to_owned(), "ec2.amazonaws.com".into())]);
            self.add("iam:PassRole", role, keys);
        }

        let mut disks = (1..)
            .map_while(|n| query.get(&format!("BlockDeviceMapping.{n}.DeviceName")).map(|name| (n, name)))
            .map(|(n, name)| (name, query.get(&format!("BlockDeviceMapping.{n}.Ebs.Encrypted")) == Some("true")))
            .collect::<Vec<_>>();
        // Every launch makes the image's own disk, named or not.
        let root = self.inventory.find("image", image, &query.region).await.root.unwrap_or_default();
        if !disks.iter().any(|(name, _)| *name == root) {
            disks.push((&root, false));
        }
        for (_, encrypted) in disks {
            let mut keys = request_tags(&query.tags_of("volume"));
            keys.insert("ec2:Encrypted".to_owned(), Value::Flag(encrypted));
            self.add(action, self.arn("volume/*"), keys);
        }
        self.snapshots(action).await;

        let interface = "NetworkInterface.1";
        let subnet = query.get("SubnetId").or_else(|| query.get(&format!("{interface}.SubnetId"))).unwrap_or_default();
        let of_subnet = self.existing("subnet", subnet).await;
        self.add(action, self.arn(&format!("subnet/{subnet}")), of_subnet.clone());
        let mut keys = request_tags(&query.tags_of("network-interface"));
        keys.extend(of_subnet.get("ec2:Vpc").cloned().map(|vpc| ("ec2:Vpc".to_owned(), vpc)));
        if let Some(public) = query.get(&format!("{interface}.AssociatePublicIpAddress")) {
            keys.insert("ec2:AssociatePublicIpAddress".to_owned(), Value::Flag(public == "true"));
        }
        let id = query.get(&format!("{interface}.NetworkInterfaceId")).unwrap_or("*");
        if id != "*" {
            keys = self.existing("network-interface", id).await;
        }
        self.add(action, self.arn(&format!("network-interface/{id}")), keys);
        let mut groups = query.list("SecurityGroupId");
        groups.extend(query.list(&format!("{interface}.SecurityGroupId")));
        for group in groups {
            let keys = self.existing("security-group", group).await;
            self.add(action, self.arn(&format!("security-group/{group}")), keys);
        }
        if let Some(key) = query.get("KeyName") {
            self.add(action, self.arn(&format!("key-pair/{key}")), Keys::new());
        }
        if query.get("InstanceMarketOptions.MarketType") == Some("spot") {
            let keys = request_tags(&query.tags_of("spot-instances-request"));
            self.add(action, self.arn("spot-instances-request/*"), keys);
        }
        self.tagging();
    }

    /// The snapshots that disks are made of.
    async fn snapshots(&mut self, action: &str) {
        for n in 1.. {
            if self.query.get(&format!("BlockDeviceMapping.{n}.DeviceName")).is_none() {
                return;
            }
            if let Some(id) = self.query.get(&format!("BlockDeviceMapping.{n}.Ebs.SnapshotId")) {
                let keys = self.existing("snapshot", id).await;
                self.add(action, self.arn(&format!("snapshot/{id}")), keys);
            }
        }
    }

    /// Tags that are set on what is created.
    fn tagging(&mut self) {
        for kind in self.query.tagged_kinds() {
            let mut keys = request_tags(&self.query.tags_of(&kind));
            keys.insert("ec2:CreateAction".to_owned(), self.query.action.as_str().into());
            self.add("ec2:CreateTags", self.arn(&format!("{kind}/*")), keys);
        }
    }

    async fn iam(&mut self) {
        let query = self.query;
        let action = format!("iam:{}", query.action);
        let resource = if let Some(name) = query.get("InstanceProfileName") {
            self.inventory.profile_arn(name).await
        } else if let Some(name) = query.get("RoleName") {
            format!("arn:aws:iam::{}:role/{name}", crate::ACCOUNT)
        } else {
            query.get("PolicySourceArn").unwrap_or("*").to_owned()
        };
        self.add(&action, resource, Keys::new());
    }
}

/// The kind of a resource of EC2, by how its id begins.
fn kind_of(id: &str) -> &'static str {
    match id.split('-').next() {
        Some("i") => "instance",
        Some("vol") => "volume",
        Some("snap") => "snapshot",
        Some("ami") => "image",
        Some("eni") => "network-interface",
        Some("sg") => "security-group",
        Some("sgr") => "security-group-rule",
        Some("subnet") => "subnet",
        Some("vpc") => "vpc",
        _ => "unknown",
    }
}
