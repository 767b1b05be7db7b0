//! What is in moto, looked at past the proxy.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use percent_encoding::percent_decode_str;

use crate::between::{all_between, between};
use crate::network_balancer::NetworkBalancers;
use crate::query::Query;
use crate::{ACCOUNT, ADMINISTRATOR};

/// What is in moto, as the administrator sees it.
pub(crate) struct Inventory {
    pub(crate) http: reqwest::Client,
    pub(crate) endpoint: String,
    pub(crate) balancers: Mutex<NetworkBalancers>,
}

/// What is known of a resource.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) vpc: Option<String>,
    pub(crate) instance_profile: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) zone: Option<String>,
    /// The name of an image's own disk.
    pub(crate) root: Option<String>,
}

impl Inventory {
    pub(crate) fn balancers(&self) -> MutexGuard<'_, NetworkBalancers> {
        self.balancers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, service: &str, region: &str, form: &[(&str, &str)]) -> String {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={ADMINISTRATOR}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, \
             Signature=0"
        );
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let request = self.http.post(format!("{}/", self.endpoint)).header("authorization", authorization);
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(self.balancers().inward(body.join("&")));
        request.send().await.expect("moto answers").text().await.expect("moto's answer is text")
    }

    /// A resource of EC2. One that is not there has nothing.
    pub(crate) async fn find(&self, kind: &str, id: &str, region: &str) -> Found {
        let (action, parameter) = match kind {
            "instance" => ("DescribeInstances", "InstanceId.1"),
            "volume" => ("DescribeVolumes", "VolumeId.1"),
            "snapshot" => ("DescribeSnapshots", "SnapshotId.1"),
            "image" => ("DescribeImages", "ImageId.1"),
            "network-interface" => ("DescribeNetworkInterfaces", "NetworkInterfaceId.1"),
            "security-group" => ("DescribeSecurityGroups", "GroupId.1"),
            "subnet" => ("DescribeSubnets", "SubnetId.1"),
            "vpc" => ("DescribeVpcs", "VpcId.1"),
            _ => return Found::default(),
        };
        let text = self.ask("ec2", region, &[("Action", action), ("Version", "2016-11-15"), (parameter, id)]).await;
        let Ok(document) = roxmltree::Document::parse(&text) else { return Found::default() };
        let text_of = |name: &str| {
            let mut all = document.descendants().filter(|node| node.has_tag_name(node_name(&document, name)));
            all.find_map(|node| node.text()).map(str::to_owned)
        };
        let mut found = Found {
            vpc: text_of("vpcId").filter(|_| kind != "vpc"),
            owner: text_of("imageOwnerId").filter(|_| kind == "image"),
            zone: text_of("availabilityZone"),
            root: text_of("rootDeviceName"),
            ..Found::default()
        };
        for node in document.descendants() {
            match node.tag_name().name() {
                "tagSet" => {
                    for item in node.children() {
                        let child = |name: &str| {
                            let mut all = item.children().filter(|child| child.tag_name().name() == name);
                            all.find_map(|child| child.text()).unwrap_or_default().to_owned()
                        };
                        let key = child("key");
                        if !key.is_empty() {
                            found.tags.insert(key, child("value"));
                        }
                    }
                }
                "iamInstanceProfile" => {
                    let mut arns = node.children().filter(|child| child.tag_name().name() == "arn");
                    found.instance_profile = arns.find_map(|arn| arn.text()).map(str::to_owned);
                }
                _ => {}
            }
        }
        found
    }

    /// The tags of a load balancer, a listener or a target group.
    pub(crate) async fn tags_of_balancing(&self, arn: &str, region: &str) -> BTreeMap<String, String> {
        let form = [("Action", "DescribeTags"), ("Version", "2015-12-01"), ("ResourceArns.member.1", arn)];
        let answer = self.ask("elasticloadbalancing", region, &form).await;
        let keys = all_between(&answer, "<Key>", "</Key>").map(str::to_owned);
        keys.zip(all_between(&answer, "<Value>", "</Value>").map(str::to_owned)).collect()
    }

    /// The policies of a role, in JSON.
    pub(crate) async fn policies(&self, role: &str) -> Vec<String> {
        let version = ("Version", "2010-05-08");
        let names = self.ask("iam", "us-east-1", &[("Action", "ListRolePolicies"), version, ("RoleName", role)]).await;
        let mut policies = Vec::new();
        for name in all_between(&names, "<member>", "</member>") {
            let form = [("Action", "GetRolePolicy"), version, ("RoleName", role), ("PolicyName", name)];
            let answer = self.ask("iam", "us-east-1", &form).await;
            policies.extend(between(&answer, "<PolicyDocument>", "</PolicyDocument>").map(decoded));
        }
        policies
    }

    /// The trust policy of a role.
    pub(crate) async fn trust(&self, role: &str) -> Option<String> {
        let form = [("Action", "GetRole"), ("Version", "2010-05-08"), ("RoleName", role)];
        let answer = self.ask("iam", "us-east-1", &form).await;
        between(&answer, "<AssumeRolePolicyDocument>", "</AssumeRolePolicyDocument>").map(decoded)
    }

    async fn profile(&self, name: &str) -> Option<(String, String)> {
        let form = [("Action", "GetInstanceProfile"), ("Version", "2010-05-08"), ("InstanceProfileName", name)];
        let answer = self.ask("iam", "us-east-1", &form).await;
        let arns: Vec<&str> = all_between(&answer, "<Arn>", "</Arn>").collect();
        let of = |kind: &str| arns.iter().find(|arn| arn.contains(kind)).map(|arn| (*arn).to_owned());
        Some((of(":instance-profile/")?, of(":role/").unwrap_or_default()))
    }

    /// The ARN of an instance profile of this name, whether it is there or not.
    pub(crate) async fn profile_arn(&self, name: &str) -> String {
        let there = self.profile(name).await.map(|(arn, _)| arn);
        there.unwrap_or_else(|| format!("arn:aws:iam::{ACCOUNT}:instance-profile/{name}"))
    }

    /// The instance profile of a launch, and the role in it.
    pub(crate) async fn instance_profile(&self, query: &Query) -> Option<(String, String)> {
        let by_arn = query.get("IamInstanceProfile.Arn").and_then(|arn| arn.rsplit('/').next());
        self.profile(query.get("IamInstanceProfile.Name").or(by_arn)?).await
    }
}

/// A name in the document's own namespace.
fn node_name<'a>(document: &'a roxmltree::Document<'_>, name: &'a str) -> roxmltree::ExpandedName<'a, 'a> {
    match document.root_element().tag_name().namespace() {
        Some(namespace) => (namespace, name).into(),
        None => name.into(),
    }
}

fn decoded(text: &str) -> String {
    // moto writes documents percent-encoded, as IAM does, or as XML.
    let text = percent_decode_str(text).decode_utf8_lossy().into_owned();
    text.replace("&quot;", "\"").replace("&#34;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
