//! What ringfence calls, by the grant that allows it, as the elementary checks that AWS makes of each call: the same
//! list proves that the policy is enough and not more, and is asked of AWS itself by `ringfenced verify aws`.
//!
//! Which resources and condition keys AWS checks: the Service Authorization Reference,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>.

use super::cross_account::{CrossAccount, InstanceProfile};
use super::evaluate::{Key, Request};
use super::grant::Grant;
use super::name::STACK_TAG;

/// A call that is made, by what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededCall {
    /// What it is for.
    pub what: &'static str,
    /// The grant that allows it; none when it is always made.
    pub grant: Option<Grant>,
    /// What AWS checks: all of it must be allowed.
    pub checks: Vec<Request>,
}

/// The tags of a node and of what is its own.
const NODE_TAGS: [&str; 5] = ["Name", "ringfence:cluster", "ringfence:group", "ringfence:node", STACK_TAG];
/// The tags of what belongs to the cluster.
const CLUSTER_TAGS: [&str; 3] = ["Name", "ringfence:cluster", STACK_TAG];

/// The calls that a request's grants are for, with those that are always made.
pub fn needed_calls(request: &CrossAccount) -> Vec<NeededCall> {
    let mut all = all_calls(request);
    all.retain(|call| call.grant.is_none_or(|grant| request.grants.contains(&grant)));
    all
}

/// The calls of every grant, whether it is on or not.
pub fn all_calls(request: &CrossAccount) -> Vec<NeededCall> {
    let calls = Calls { request };
    let mut all = calls.always();
    for grant in Grant::ALL {
        let of_grant = match grant {
            Grant::Autoscale => calls.autoscale(),
            Grant::Backup => calls.backup(),
            Grant::LoadBalancer => calls.load_balancer(),
            Grant::NetworkChecks => calls.network_checks(),
            Grant::OpenPorts => calls.open_ports(),
            Grant::PublicIp => calls.public_ip(),
            Grant::Resize => vec![("change the type of a node", vec![calls.own_node("ec2:ModifyInstanceAttribute")])],
            Grant::Spot => calls.spot(),
        };
        all.extend(of_grant.into_iter().map(|(what, checks)| NeededCall { what, grant: Some(grant), checks }));
    }
    all
}

type Named = (&'static str, Vec<Request>);

struct Calls<'a> {
    request: &'a CrossAccount,
}

impl Calls<'_> {
    fn arn(&self, service: &str, what: &str) -> String {
        let CrossAccount { partition, account, region, .. } = self.request;
        match (service, what.split('/').next()) {
            ("iam", _) => format!("arn:{partition}:iam::{account}:{what}"),
            ("ec2", Some("image" | "snapshot")) => format!("arn:{partition}:ec2:{region}::{what}"),
            _ => format!("arn:{partition}:{service}:{region}:{account}:{what}"),
        }
    }

    fn on(&self, action: &str, what: &str) -> Request {
        let service = action.split(':').next().unwrap_or_default();
        let request = Request::new(action, self.arn(service, what));
        if service == "iam" { request } else { request.with("aws:RequestedRegion", self.request.region.as_str()) }
    }

    /// An action that knows no resource.
    fn everywhere(&self, action: &str) -> Request {
        Request::new(action, "*").with("aws:RequestedRegion", self.request.region.as_str())
    }

    fn read(&self, actions: &[&str]) -> Vec<Request> {
        actions.iter().map(|action| self.everywhere(action)).collect()
    }

    fn tagged(&self, request: Request, tags: &[&str]) -> Request {
        let mut request = request.with(&format!("aws:RequestTag/{STACK_TAG}"), self.request.stack.as_str());
        let keys = tags.iter().map(ToString::to_string).collect();
        request.keys.insert("aws:tagkeys".to_owned(), Key::Is(keys));
        request
    }

    fn own(&self, request: Request) -> Request {
        request.with(&format!("aws:ResourceTag/{STACK_TAG}"), self.request.stack.as_str())
    }

    fn created(&self, by: &str, what: &str, tags: &[&str]) -> Request {
        self.tagged(self.on("ec2:CreateTags", what).with("ec2:CreateAction", by), tags)
    }

    fn in_vpc(&self, request: Request) -> Request {
        let vpc = self.request.vpcs.first().map(|vpc| self.arn("ec2", &format!("vpc/{vpc}")));
        request.with("ec2:Vpc", vpc.unwrap_or_default())
    }

    fn profile_arn(&self, profile: &InstanceProfile) -> String {
        self.arn("iam", &format!("instance-profile/{}", profile.profile))
    }

    fn own_node(&self, action: &str) -> Request {
        let profile = self.request.instance_profiles.first().map(|profile| self.profile_arn(profile));
        let request = self.own(self.on(action, "instance/i-0123456789abcdef0"));
        request.with("ec2:InstanceProfile", profile.unwrap_or_default())
    }

    /// A launch; the image and the public address differ.
    fn launch(&self, profile: &InstanceProfile, image: Request, public: bool) -> Vec<Request> {
        let run = "ec2:RunInstances";
        let instance = self.tagged(self.on(run, "instance/*"), &NODE_TAGS);
        let instance = instance.with("ec2:InstanceProfile", self.profile_arn(profile));
        let volume = self.tagged(self.on(run, "volume/*"), &NODE_TAGS).with("ec2:Encrypted", "true");
        let interface = self.in_vpc(self.tagged(self.on(run, "network-interface/*"), &NODE_TAGS));
        let mut checks = vec![
            image,
            instance.with("ec2:MetadataHttpTokens", "required"),
            volume,
            interface.with("ec2:AssociatePublicIpAddress", if public { "true" } else { "false" }),
        ];
        checks.extend(self.request.subnets.iter().map(|id| self.in_vpc(self.on(run, &format!("subnet/{id}")))));
        let groups = self.request.security_groups.iter();
        checks.extend(groups.map(|id| self.in_vpc(self.on(run, &format!("security-group/{id}")))));
        for kind in ["instance/*", "network-interface/*", "volume/*"] {
            checks.push(self.created("RunInstances", kind, &NODE_TAGS));
        }
        let role = self.on("iam:PassRole", &format!("role/{}", profile.role));
        checks.push(role.with("iam:PassedToService", "ec2.amazonaws.com"));
        checks
    }

    fn published_image(&self) -> Request {
        let owner = self.request.image_owners.first().map_or("amazon", |owner| owner.as_str());
        self.on("ec2:RunInstances", "image/ami-0123456789abcdef0").with("ec2:Owner", owner)
    }

    fn launches(&self, image: impl Fn() -> Request, public: bool) -> Vec<Request> {
        self.request.instance_profiles.iter().flat_map(|profile| self.launch(profile, image(), public)).collect()
    }

    fn always(&self) -> Vec<NeededCall> {
        let reads = [
            "ec2:DescribeImages",
            "ec2:DescribeInstanceStatus",
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeInstances",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVolumes",
            "ec2:DescribeVpcs",
        ];
        let profiles = || self.request.instance_profiles.iter();
        let roles = profiles().map(|profile| &profile.role).chain(&self.request.control_role);
        let named: Vec<Named> = vec![
            ("see what is there", self.read(&reads)),
            (
                "check the instance profile",
                profiles()
                    .map(|one| self.on("iam:GetInstanceProfile", &format!("instance-profile/{}", one.profile)))
                    .collect(),
            ),
            (
                "check what roles may do",
                roles.map(|role| self.on("iam:SimulatePrincipalPolicy", &format!("role/{role}"))).collect(),
            ),
            ("launch a node", self.launches(|| self.published_image(), false)),
            ("stop a node", vec![self.own_node("ec2:StopInstances")]),
            ("start a node", vec![self.own_node("ec2:StartInstances")]),
            ("reboot a node", vec![self.own_node("ec2:RebootInstances")]),
            ("remove a node", vec![self.own_node("ec2:TerminateInstances")]),
            (
                "remove a node that lost its profile",
                vec![self.own(self.on("ec2:TerminateInstances", "instance/i-0123456789abcdef0"))],
            ),
        ];
        named.into_iter().map(|(what, checks)| NeededCall { what, grant: None, checks }).collect()
    }

    fn autoscale(&self) -> Vec<Named> {
        let retag = |what: &str| {
            let mut request = self.own(self.on("ec2:CreateTags", what));
            let keys = ["Name", "ringfence:group", "ringfence:node"].map(str::to_owned).to_vec();
            request.keys.insert("aws:tagkeys".to_owned(), Key::Is(keys));
            request
        };
        vec![
            ("find where there is capacity", self.read(&["ec2:DescribeInstanceTypeOfferings"])),
            (
                "move a node to another group",
                vec![retag("instance/i-0123456789abcdef0"), retag("volume/vol-0123456789abcdef0")],
            ),
        ]
    }

    fn backup(&self) -> Vec<Named> {
        let snapshot = "snapshot/snap-0123456789abcdef0";
        let image = "image/ami-0123456789abcdef0";
        let own_image = || {
            let image = self.own(self.on("ec2:RunInstances", image));
            image.with("ec2:Owner", self.request.account.as_str())
        };
        let mut restore = self.launches(own_image, false);
        restore.push(self.own(self.on("ec2:RunInstances", snapshot)));
        vec![
            ("find backups", self.read(&["ec2:DescribeSnapshots"])),
            (
                "take a snapshot",
                vec![
                    self.own(self.on("ec2:CreateSnapshot", "volume/vol-0123456789abcdef0")),
                    self.tagged(self.on("ec2:CreateSnapshot", "snapshot/*"), &NODE_TAGS),
                    self.created("CreateSnapshot", "snapshot/*", &NODE_TAGS),
                ],
            ),
            (
                "make an image",
                vec![
                    self.tagged(self.on("ec2:RegisterImage", "image/*"), &NODE_TAGS),
                    self.own(self.on("ec2:RegisterImage", snapshot)),
                    self.created("RegisterImage", "image/*", &NODE_TAGS),
                ],
            ),
            ("restore a node", restore),
            ("delete a snapshot", vec![self.own(self.on("ec2:DeleteSnapshot", snapshot))]),
            ("withdraw an image", vec![self.own(self.on("ec2:DeregisterImage", image))]),
        ]
    }

    fn network_checks(&self) -> Vec<Named> {
        let reads = ["ec2:DescribeNetworkAcls", "ec2:DescribeRouteTables", "ec2:DescribeVpcEndpoints"];
        let vpcs = self.request.vpcs.iter();
        vec![
            ("look at the network", self.read(&reads)),
            ("look at the VPC", vpcs.map(|vpc| self.on("ec2:DescribeVpcAttribute", &format!("vpc/{vpc}"))).collect()),
        ]
    }

    fn open_ports(&self) -> Vec<Named> {
        let groups = |action: &str| -> Vec<Request> {
            let groups = self.request.security_groups.iter();
            groups.map(|id| self.in_vpc(self.on(action, &format!("security-group/{id}")))).collect()
        };
        let mut open = groups("ec2:AuthorizeSecurityGroupIngress");
        let rule = "security-group-rule/*";
        open.push(self.tagged(self.on("ec2:AuthorizeSecurityGroupIngress", rule), &CLUSTER_TAGS));
        open.push(self.created("AuthorizeSecurityGroupIngress", rule, &CLUSTER_TAGS));
        vec![
            ("see which ports are open", self.read(&["ec2:DescribeSecurityGroupRules"])),
            ("open a port", open),
            ("close a port", groups("ec2:RevokeSecurityGroupIngress")),
        ]
    }

    fn public_ip(&self) -> Vec<Named> {
        vec![("launch a node with a public address", self.launches(|| self.published_image(), true))]
    }

    fn spot(&self) -> Vec<Named> {
        let what = "spot-instances-request/*";
        let mut checks = self.launches(|| self.published_image(), false);
        checks.push(self.tagged(self.on("ec2:RunInstances", what), &NODE_TAGS));
        checks.push(self.created("RunInstances", what, &NODE_TAGS));
        vec![("launch a node on spare capacity", checks)]
    }

    fn load_balancer(&self) -> Vec<Named> {
        let elb = |action: &str| format!("elasticloadbalancing:{action}");
        let [balancer, group, listener] = [
            "loadbalancer/net/ringfence-clients/0123456789abcdef",
            "targetgroup/ringfence-clients/0123456789abcdef",
            "listener/net/ringfence-clients/0123456789abcdef/0123456789abcdef",
        ];
        let tag = |by: &str, what: &str| {
            let request = self.on(&elb("AddTags"), what).with("elasticloadbalancing:CreateAction", by);
            self.tagged(request, &CLUSTER_TAGS)
        };
        let mut create = self.tagged(self.on(&elb("CreateLoadBalancer"), balancer), &CLUSTER_TAGS);
        create = create.with("elasticloadbalancing:Scheme", "internal");
        let subnets = self.request.subnets.iter().map(ToString::to_string).collect();
        create.keys.insert("elasticloadbalancing:subnet".to_owned(), Key::Is(subnets));
        let groups = self.request.security_groups.iter().map(ToString::to_string).collect();
        create.keys.insert("elasticloadbalancing:securitygroup".to_owned(), Key::Is(groups));
        let own = |action: &str, what: &str| vec![self.own(self.on(&elb(action), what))];
        // What Elastic Load Balancing looks up in the caller's name:
        // <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-permissions.html>
        let gateways = ["ec2:DescribeInternetGateways"];
        let lookups = ["ec2:DescribeAccountAttributes", "ec2:DescribeAddresses", "ec2:DescribeInternetGateways"];
        let reads = [
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
        ];
        vec![
            ("see load balancers", self.read(&reads)),
            ("make a load balancer", [vec![create, tag("CreateLoadBalancer", balancer)], self.read(&lookups)].concat()),
            (
                "make a target group",
                [
                    vec![
                        self.tagged(self.on(&elb("CreateTargetGroup"), group), &CLUSTER_TAGS),
                        tag("CreateTargetGroup", group),
                    ],
                    self.read(&gateways),
                ]
                .concat(),
            ),
            (
                "make a listener",
                vec![
                    self.tagged(self.own(self.on(&elb("CreateListener"), balancer)), &CLUSTER_TAGS),
                    tag("CreateListener", listener),
                ],
            ),
            ("put a node behind a load balancer", [own("RegisterTargets", group), self.read(&gateways)].concat()),
            ("take a node out", own("DeregisterTargets", group)),
            ("delete a listener", own("DeleteListener", listener)),
            ("delete a load balancer", own("DeleteLoadBalancer", balancer)),
            ("delete a target group", own("DeleteTargetGroup", group)),
        ]
    }
}
