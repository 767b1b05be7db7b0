//! Known holes: what policies of this kind have let through, each told as what an attacker would try. A hole is open when
//! the policy allows every check that AWS makes for the attempt.
//!
//! What the attacker does not hold is somebody else's: another volume, group or VPC of the same account, without the stack's
//! tag. What the attacker writes into the request is the attacker's choice.

use super::cross_account::CrossAccount;
use super::document::Document;
use super::evaluate::{Key, Request, Verdict, evaluate, glob};

/// A known hole.
#[derive(Debug, Clone, Copy)]
pub struct Hole {
    /// A name for scripts.
    pub name: &'static str,
    /// What an attacker who holds the role can do.
    pub what: &'static str,
    /// How to close it.
    pub fix: &'static str,
    /// The checks of the attempt, by the account and region it is tried in.
    attempt: fn(&Place) -> Vec<Request>,
}

/// Where an attempt is made.
struct Place {
    partition: String,
    region: String,
    account: String,
    /// A role that may be passed, as it stands in the policy.
    passed: String,
}

/// A hole that a policy has.
#[derive(Debug, Clone)]
pub struct FoundHole {
    /// The hole.
    pub hole: &'static Hole,
    /// The statements that let it through.
    pub statements: Vec<String>,
}

impl Place {
    /// The account and region that a policy speaks of, or made-up ones.
    fn of(policies: &[Document]) -> Self {
        let [partition, region, account] = ["aws", "eu-north-1", "111122223333"].map(str::to_owned);
        let mut place = Self { partition, region, account, passed: "arn:aws:iam::111122223333:role/any".to_owned() };
        let mut texts: Vec<&String> = Vec::new();
        for statement in policies.iter().flat_map(|policy| &policy.statement) {
            if statement.action.iter().any(|action| glob(&action.to_ascii_lowercase(), "iam:passrole")) {
                place.passed = statement.resource.first().cloned().unwrap_or(place.passed);
            }
            texts.extend(&statement.resource);
            texts.extend(statement.condition.values().flat_map(|keys| keys.values().flatten()));
        }
        for text in texts {
            let parts: Vec<&str> = text.splitn(6, ':').collect();
            let ["arn", partition, _, region, account, _] = parts[..] else { continue };
            for (field, value) in
                [(&mut place.partition, partition), (&mut place.region, region), (&mut place.account, account)]
            {
                // AWS's own policies have `aws` for an account.
                if !value.is_empty() && value != "aws" && !value.contains(['*', '?', '$']) {
                    value.clone_into(field);
                }
            }
        }
        place
    }

    fn arn(&self, service: &str, what: &str) -> String {
        let Self { partition, region, account, .. } = self;
        let (region, account) = match (service, what.split('/').next()) {
            ("ec2", Some("image" | "snapshot")) => (region.as_str(), ""),
            ("iam", _) => ("", account.as_str()),
            _ => (region.as_str(), account.as_str()),
        };
        format!("arn:{partition}:{service}:{region}:{account}:{what}")
    }

    fn on(&self, action: &str, what: &str) -> Request {
        let service = action.split(':').next().unwrap_or_default();
        // No more is known of it than that it is in the account and not the stack's.
        let request = Request::new(action, self.arn(service, what))
            .with("aws:ResourceTag/ringfence:stack", "another")
            .with("ec2:ResourceTag/ringfence:stack", "another")
            .with("ec2:Vpc", self.arn("ec2", "vpc/vpc-0ffffffffffffffff"))
            .with("ec2:Owner", &self.account)
            .in_doubt();
        if service == "iam" { request } else { request.with("aws:RequestedRegion", &self.region) }
    }
}

/// A request in which the caller chooses what it asks to have created.
fn asking(request: Request) -> Request {
    ["aws:RequestTag/ringfence:stack", "aws:TagKeys", "ec2:InstanceProfile", "ec2:MetadataHttpTokens", "ec2:Encrypted"]
        .into_iter()
        .fold(request, Request::choosing)
}

/// Every known hole.
pub const HOLES: &[Hole] = &[
    Hole {
        name: "snapshot_foreign_volume",
        what: "take a snapshot of any disk of the account",
        fix: "ec2:CreateSnapshot on volume/* only with aws:ResourceTag of the stack",
        attempt: |place| {
            vec![
                place.on("ec2:CreateSnapshot", "volume/vol-0ffffffffffffffff"),
                asking(Request::new("ec2:CreateSnapshot", place.arn("ec2", "snapshot/snap-new")).in_doubt())
                    .with("aws:RequestedRegion", &place.region),
            ]
        },
    },
    Hole {
        name: "delete_foreign_backup",
        what: "delete any snapshot of the account",
        fix: "ec2:DeleteSnapshot only with aws:ResourceTag of the stack",
        attempt: |place| vec![place.on("ec2:DeleteSnapshot", "snapshot/snap-0ffffffffffffffff")],
    },
    Hole {
        name: "deregister_foreign_image",
        what: "withdraw any image of the account",
        fix: "ec2:DeregisterImage only with aws:ResourceTag of the stack",
        attempt: |place| vec![place.on("ec2:DeregisterImage", "image/ami-0ffffffffffffffff")],
    },
    Hole {
        name: "attach_foreign_snapshot",
        what: "launch a node with a disk made of anybody's snapshot, and read it there",
        fix: "ec2:RunInstances on snapshot/* only with aws:ResourceTag of the stack",
        attempt: |place| vec![place.on("ec2:RunInstances", "snapshot/snap-0ffffffffffffffff")],
    },
    Hole {
        name: "boot_public_image",
        what: "boot a node from an image that anybody on AWS has published",
        fix: "ec2:RunInstances on image/* only with ec2:Owner of listed publishers",
        attempt: |place| {
            vec![place.on("ec2:RunInstances", "image/ami-0ffffffffffffffff").with("ec2:Owner", "999999999999")]
        },
    },
    Hole {
        name: "join_foreign_security_group",
        what: "put a node into a security group of another VPC's owner",
        fix: "ec2:RunInstances on security-group only with ec2:Vpc, or on listed groups",
        attempt: |place| vec![place.on("ec2:RunInstances", "security-group/sg-0ffffffffffffffff")],
    },
    Hole {
        name: "use_foreign_subnet",
        what: "launch a node in a subnet of another VPC",
        fix: "ec2:RunInstances on subnet only with ec2:Vpc, or on listed subnets",
        attempt: |place| vec![place.on("ec2:RunInstances", "subnet/subnet-0ffffffffffffffff")],
    },
    Hole {
        name: "take_existing_interface",
        what: "launch a node with a network interface that is there already, in another VPC",
        fix: "ec2:RunInstances on network-interface only with ec2:Vpc and the stack's aws:RequestTag",
        attempt: |place| vec![place.on("ec2:RunInstances", "network-interface/eni-0ffffffffffffffff")],
    },
    Hole {
        name: "launch_with_imdsv1",
        what: "launch a node whose role can be stolen through a forged request (IMDSv1)",
        fix: "ec2:RunInstances on instance/* only with ec2:MetadataHttpTokens required",
        attempt: |place| {
            vec![asking(place.on("ec2:RunInstances", "instance/i-new")).with("ec2:MetadataHttpTokens", "optional")]
        },
    },
    Hole {
        name: "launch_unencrypted",
        what: "launch a node whose disks are not encrypted",
        fix: "ec2:RunInstances on volume/* only with ec2:Encrypted true",
        attempt: |place| vec![asking(place.on("ec2:RunInstances", "volume/vol-new")).with("ec2:Encrypted", "false")],
    },
    Hole {
        name: "launch_without_tags",
        what: "launch a node that no tag finds",
        fix: "ec2:RunInstances on instance/* only with the stack's aws:RequestTag",
        attempt: |place| {
            let mut request = asking(place.on("ec2:RunInstances", "instance/i-new"));
            request.keys.retain(|key, _| !key.starts_with("aws:requesttag/") && key != "aws:tagkeys");
            vec![request]
        },
    },
    Hole {
        name: "launch_with_any_key_pair",
        what: "launch a node that anybody's SSH key opens",
        fix: "no ec2:RunInstances on key-pair, or on one listed key",
        attempt: |place| vec![place.on("ec2:RunInstances", "key-pair/anybody")],
    },
    Hole {
        name: "terminate_foreign_instance",
        what: "end machines that are not the stack's, if they wear its profile or not",
        fix: "ec2:TerminateInstances only with aws:ResourceTag of the stack",
        attempt: |place| {
            vec![place.on("ec2:TerminateInstances", "instance/i-0ffffffffffffffff").choosing("ec2:InstanceProfile")]
        },
    },
    Hole {
        name: "start_foreign_instance",
        what: "start machines that are not the stack's",
        fix: "ec2:StartInstances only with aws:ResourceTag of the stack",
        attempt: |place| {
            vec![place.on("ec2:StartInstances", "instance/i-0ffffffffffffffff").choosing("ec2:InstanceProfile")]
        },
    },
    Hole {
        name: "forge_ownership",
        what: "write the stack's tag on what is not its own, and so defeat every rule that trusts tags",
        fix: "ec2:CreateTags only with ec2:CreateAction, or on what is the stack's already and without the stack's key",
        attempt: |place| {
            vec![
                place
                    .on("ec2:CreateTags", "instance/i-0ffffffffffffffff")
                    .choosing("ec2:InstanceProfile")
                    .choosing("aws:RequestTag/ringfence:stack")
                    .choosing("aws:TagKeys"),
            ]
        },
    },
    Hole {
        name: "disown_node",
        what: "change the stack's tag on its own nodes, so that they are not found any more",
        fix: "ec2:CreateTags on existing nodes only with aws:TagKeys without ringfence:stack; no ec2:DeleteTags",
        attempt: |place| {
            let request = place.on("ec2:CreateTags", "instance/i-0ffffffffffffffff");
            let request = request.choosing("ec2:InstanceProfile").choosing("aws:ResourceTag/ringfence:stack");
            vec![request.with("aws:TagKeys", "ringfence:stack").with("aws:RequestTag/ringfence:stack", "another")]
        },
    },
    Hole {
        name: "open_foreign_security_group",
        what: "open a neighbour's security group, such as that of a database in the same VPC",
        fix: "ec2:AuthorizeSecurityGroupIngress on listed groups, or with aws:ResourceTag of the stack",
        attempt: |place| {
            vec![
                place
                    .on("ec2:AuthorizeSecurityGroupIngress", "security-group/sg-0ffffffffffffffff")
                    .choosing("ec2:Vpc"),
            ]
        },
    },
    Hole {
        name: "pass_any_role",
        what: "hand another role of the account to a machine, such as an administrator's",
        fix: "iam:PassRole on the node role's full ARN",
        attempt: |place| vec![place.on("iam:PassRole", "role/administrator").choosing("iam:PassedToService")],
    },
    Hole {
        name: "pass_role_to_another_service",
        what: "hand a role to another service than EC2, such as Lambda, and run code as it there",
        fix: "iam:PassRole only with iam:PassedToService ec2.amazonaws.com",
        attempt: |place| {
            let role = Request { resource: place.passed.clone(), ..place.on("iam:PassRole", "role/any") };
            vec![role.with("iam:PassedToService", "lambda.amazonaws.com")]
        },
    },
    Hole {
        name: "change_user_data",
        what: "change the start-up script of a node, which then runs as the node role",
        fix: "no ec2:ModifyInstanceAttribute: replace a node to change its type",
        attempt: |place| {
            vec![
                place
                    .on("ec2:ModifyInstanceAttribute", "instance/i-0ffffffffffffffff")
                    .choosing("aws:ResourceTag/ringfence:stack")
                    .choosing("ec2:InstanceProfile")
                    .choosing("ec2:Attribute"),
            ]
        },
    },
    Hole {
        name: "read_any_vpc_attribute",
        what: "read attributes of every VPC",
        fix: "ec2:DescribeVpcAttribute on the VPC's ARN",
        attempt: |place| vec![place.on("ec2:DescribeVpcAttribute", "vpc/vpc-0ffffffffffffffff")],
    },
    Hole {
        name: "change_foreign_network",
        what: "delete or open networks of the account",
        fix: "bring your own VPC: no ec2:Create*, Delete* or Modify* of networks",
        attempt: |place| vec![place.on("ec2:DeleteRoute", "route-table/rtb-0ffffffffffffffff")],
    },
    Hole {
        name: "delete_foreign_load_balancer",
        what: "delete any load balancer of the account",
        fix: "elasticloadbalancing:DeleteLoadBalancer only with aws:ResourceTag of the stack",
        attempt: |place| {
            vec![place.on("elasticloadbalancing:DeleteLoadBalancer", "loadbalancer/net/ringfence-x/0123456789abcdef")]
        },
    },
    Hole {
        name: "public_load_balancer",
        what: "put a load balancer on the internet",
        fix: "elasticloadbalancing:CreateLoadBalancer only with elasticloadbalancing:Scheme internal",
        attempt: |place| {
            let request = place.on("elasticloadbalancing:CreateLoadBalancer", "loadbalancer/net/ringfence-x/new");
            let request = asking(request).choosing("elasticloadbalancing:Subnet");
            vec![request.with("elasticloadbalancing:Scheme", "internet-facing")]
        },
    },
    Hole {
        name: "become_administrator",
        what: "write policies or roles, and so become whoever it likes",
        fix: "no iam actions that write",
        attempt: |place| vec![place.on("iam:PutRolePolicy", "role/administrator")],
    },
];

/// What an attacker would try, with the caller's choices made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The hole's name.
    pub name: &'static str,
    /// What the attacker would gain.
    pub what: &'static str,
    /// How the hole is closed.
    pub fix: &'static str,
    /// What AWS checks: at least one of it must be refused.
    pub checks: Vec<Request>,
}

/// What an attacker who holds the role of a request would try, each choice made as suits the attacker best.
pub fn attempts(request: &CrossAccount) -> Vec<Attempt> {
    let policy = [request.render().document];
    let place = Place::of(&policy);
    let profile = request.instance_profiles.first();
    let profile = profile.map(|one| place.arn("iam", &format!("instance-profile/{}", one.profile)));
    let vpc = request.vpcs.first().map(|vpc| place.arn("ec2", &format!("vpc/{vpc}")));
    let best = |key: &str| -> Option<Vec<String>> {
        let one = |text: &str| Some(vec![text.to_owned()]);
        match key {
            "aws:requesttag/ringfence:stack" | "aws:resourcetag/ringfence:stack" => one(request.stack.as_str()),
            "ec2:instanceprofile" => profile.clone().map(|profile| vec![profile]),
            "ec2:metadatahttptokens" => one("required"),
            "ec2:encrypted" => one("true"),
            "ec2:vpc" => vpc.clone().map(|vpc| vec![vpc]),
            "iam:passedtoservice" => one("ec2.amazonaws.com"),
            "elasticloadbalancing:subnet" => Some(request.subnets.iter().map(ToString::to_string).collect()),
            _ => None,
        }
    };
    let chosen = |mut check: Request| {
        let keys = std::mem::take(&mut check.keys).into_iter();
        check.keys = keys
            .filter_map(|(key, value)| match value {
                Key::Chosen => Some((key.clone(), Key::Is(best(&key)?))),
                known @ Key::Is(_) => Some((key, known)),
            })
            .collect();
        check
    };
    HOLES
        .iter()
        .map(|hole| Attempt {
            name: hole.name,
            what: hole.what,
            fix: hole.fix,
            checks: (hole.attempt)(&place).into_iter().map(chosen).collect(),
        })
        .collect()
}

/// The holes that these policies together have.
pub fn holes_of(policies: &[Document]) -> Vec<FoundHole> {
    let place = Place::of(policies);
    let mut found = Vec::new();
    for hole in HOLES {
        let mut statements: Vec<String> = Vec::new();
        let open = (hole.attempt)(&place).iter().all(|request| match evaluate(policies, request) {
            Verdict::Allowed(statement) => {
                if !statements.contains(&statement.sid) {
                    statements.push(statement.sid.clone());
                }
                true
            }
            Verdict::Denied(_) | Verdict::Refused => false,
        });
        if open {
            found.push(FoundHole { hole, statements });
        }
    }
    found
}
