//! The known escalation paths: how each is tried.

use super::scope::{Scope, asking, asking_no_tags, leaving_out};
use crate::aws::evaluate::{Key, Request};
use crate::aws::name::STACK_TAG;

/// What an attacker may reach with the rights of a role.
#[derive(Debug, Clone, Copy)]
pub struct EscalationPath {
    /// A name for scripts.
    pub name: &'static str,
    /// What an attacker who holds the role can do.
    pub what: &'static str,
    /// How to close it.
    pub fix: &'static str,
    /// The ways to try it; of each, the checks that must all be allowed.
    pub(super) ways: fn(&Scope<'_>) -> Vec<Vec<Request>>,
}

/// Every known path.
pub const ESCALATION_PATHS: &[EscalationPath] = &[
    EscalationPath {
        name: "snapshot_foreign_volume",
        what: "take a snapshot of any disk of the account",
        fix: "ec2:CreateSnapshot on volume/* only with aws:ResourceTag of the stack; no ec2:CreateImage of foreign \
            instances",
        ways: |scope| {
            vec![
                vec![
                    scope.foreign("ec2:CreateSnapshot", "volume/vol-0ffffffffffffffff"),
                    scope.made("ec2:CreateSnapshot", "snapshot/snap-new"),
                ],
                vec![
                    scope.foreign("ec2:CreateSnapshots", "instance/i-0ffffffffffffffff"),
                    scope.foreign("ec2:CreateSnapshots", "volume/vol-0ffffffffffffffff"),
                    scope.made("ec2:CreateSnapshots", "snapshot/snap-new"),
                ],
                vec![
                    scope.foreign("ec2:CreateImage", "instance/i-0ffffffffffffffff"),
                    scope.made("ec2:CreateImage", "image/ami-new"),
                    scope.made("ec2:CreateImage", "snapshot/snap-new"),
                ],
            ]
        },
    },
    EscalationPath {
        name: "copy_foreign_snapshot",
        what: "copy any snapshot of the account, and own the copy",
        fix: "ec2:CopySnapshot on snapshot/* only with aws:ResourceTag of the stack",
        ways: |scope| {
            vec![
                vec![
                    scope.foreign("ec2:CopySnapshot", "snapshot/snap-0ffffffffffffffff"),
                    scope.made("ec2:CopySnapshot", "snapshot/snap-new"),
                ],
                vec![
                    scope.foreign("ec2:CopyImage", "image/ami-0ffffffffffffffff"),
                    scope.made("ec2:CopyImage", "image/ami-new"),
                ],
            ]
        },
    },
    EscalationPath {
        name: "share_disk",
        what: "hand a snapshot or an image to any other account",
        fix: "no ec2:ModifySnapshotAttribute and no ec2:ModifyImageAttribute",
        ways: |scope| {
            each([
                scope.own("ec2:ModifySnapshotAttribute", "snapshot/snap-0ffffffffffffffff"),
                scope.own("ec2:ModifyImageAttribute", "image/ami-0ffffffffffffffff"),
            ])
        },
    },
    EscalationPath {
        name: "attach_foreign_volume",
        what: "attach any disk of the account to a node, and read it there",
        fix: "ec2:AttachVolume on volume/* only with aws:ResourceTag of the stack",
        ways: |scope| {
            vec![vec![
                scope.foreign("ec2:AttachVolume", "volume/vol-0ffffffffffffffff"),
                scope.own("ec2:AttachVolume", "instance/i-0ffffffffffffffff"),
            ]]
        },
    },
    EscalationPath {
        name: "delete_foreign_volume",
        what: "delete disks that are not the stack's, or take them off their machines",
        fix: "ec2:DeleteVolume and ec2:DetachVolume only with aws:ResourceTag of the stack",
        ways: |scope| {
            each([
                scope.foreign("ec2:DeleteVolume", "volume/vol-0ffffffffffffffff"),
                scope.foreign("ec2:DetachVolume", "volume/vol-0ffffffffffffffff"),
            ])
        },
    },
    EscalationPath {
        name: "delete_foreign_backup",
        what: "delete any snapshot of the account",
        fix: "ec2:DeleteSnapshot only with aws:ResourceTag of the stack",
        ways: |scope| each([scope.foreign("ec2:DeleteSnapshot", "snapshot/snap-0ffffffffffffffff")]),
    },
    EscalationPath {
        name: "deregister_foreign_image",
        what: "withdraw any image of the account",
        fix: "ec2:DeregisterImage only with aws:ResourceTag of the stack",
        ways: |scope| each([scope.foreign("ec2:DeregisterImage", "image/ami-0ffffffffffffffff")]),
    },
    EscalationPath {
        name: "attach_foreign_snapshot",
        what: "launch a node with a disk made of anybody's snapshot, and read it there",
        fix: "ec2:RunInstances and ec2:CreateVolume on snapshot/* only with aws:ResourceTag of the stack",
        ways: |scope| {
            vec![
                vec![scope.foreign("ec2:RunInstances", "snapshot/snap-0ffffffffffffffff")],
                vec![
                    scope.foreign("ec2:CreateVolume", "snapshot/snap-0ffffffffffffffff"),
                    scope.made("ec2:CreateVolume", "volume/vol-new"),
                ],
                vec![
                    scope.foreign("ec2:RegisterImage", "snapshot/snap-0ffffffffffffffff"),
                    scope.made("ec2:RegisterImage", "image/ami-new"),
                ],
            ]
        },
    },
    EscalationPath {
        name: "boot_public_image",
        what: "boot a node from an image that anybody on AWS has published",
        fix: "ec2:RunInstances on image/* only with ec2:Owner of listed publishers",
        ways: |scope| {
            each([scope.foreign("ec2:RunInstances", "image/ami-0ffffffffffffffff").with("ec2:Owner", "999999999999")])
        },
    },
    EscalationPath {
        name: "boot_foreign_private_image",
        what: "boot a node from any image of the account, whosever disk it was made of, and read it there",
        fix: "ec2:RunInstances on image/* only with ec2:Owner of listed publishers, or with aws:ResourceTag of the \
            stack",
        ways: |scope| each([scope.foreign("ec2:RunInstances", "image/ami-0ffffffffffffffff")]),
    },
    EscalationPath {
        name: "join_foreign_security_group",
        what: "put a node into a security group of another VPC's owner",
        fix: "ec2:RunInstances on security-group only with ec2:Vpc, or on listed groups",
        ways: |scope| each([scope.foreign("ec2:RunInstances", "security-group/sg-0ffffffffffffffff")]),
    },
    EscalationPath {
        name: "use_foreign_subnet",
        what: "launch a node in a subnet of another VPC",
        fix: "ec2:RunInstances on subnet only with ec2:Vpc, or on listed subnets",
        ways: |scope| each([scope.foreign("ec2:RunInstances", "subnet/subnet-0ffffffffffffffff")]),
    },
    EscalationPath {
        name: "take_existing_interface",
        what: "launch a node with a network interface that is there already, in another VPC",
        fix: "ec2:RunInstances on network-interface only with ec2:Vpc and the stack's aws:RequestTag",
        ways: |scope| each([scope.foreign("ec2:RunInstances", "network-interface/eni-0ffffffffffffffff")]),
    },
    EscalationPath {
        name: "launch_with_imdsv1",
        what: "launch a node whose role can be stolen through a forged request (IMDSv1)",
        fix: "ec2:RunInstances on instance/* only with ec2:MetadataHttpTokens required",
        ways: |scope| {
            each([
                scope.made("ec2:RunInstances", "instance/i-new").with("ec2:MetadataHttpTokens", "optional"),
                leaving_out(scope.made("ec2:RunInstances", "instance/i-new"), "ec2:MetadataHttpTokens"),
                scope.own("ec2:ModifyInstanceMetadataOptions", "instance/i-0ffffffffffffffff"),
            ])
        },
    },
    EscalationPath {
        name: "launch_unencrypted",
        what: "launch a node whose disks are not encrypted",
        fix: "ec2:RunInstances on volume/* only with ec2:Encrypted true",
        ways: |scope| {
            each([
                scope.made("ec2:RunInstances", "volume/vol-new").with("ec2:Encrypted", "false"),
                leaving_out(scope.made("ec2:RunInstances", "volume/vol-new"), "ec2:Encrypted"),
            ])
        },
    },
    EscalationPath {
        name: "launch_without_tags",
        what: "launch a node that no tag finds",
        fix: "ec2:RunInstances on instance/* only with the stack's aws:RequestTag",
        ways: |scope| each([asking_no_tags(scope.made("ec2:RunInstances", "instance/i-new"))]),
    },
    EscalationPath {
        name: "launch_with_any_key_pair",
        what: "launch a node that anybody's SSH key opens",
        fix: "no ec2:RunInstances on key-pair, or on one listed key",
        ways: |scope| each([scope.foreign("ec2:RunInstances", "key-pair/anybody")]),
    },
    EscalationPath {
        name: "terminate_foreign_instance",
        what: "end machines that are not the stack's, with its instance profile or without",
        fix: "ec2:TerminateInstances only with aws:ResourceTag of the stack",
        ways: |scope| {
            each([scope
                .foreign("ec2:TerminateInstances", "instance/i-0ffffffffffffffff")
                .choosing("ec2:InstanceProfile")])
        },
    },
    EscalationPath {
        name: "stop_foreign_instance",
        what: "stop or restart machines that are not the stack's",
        fix: "ec2:StopInstances and ec2:RebootInstances only with aws:ResourceTag of the stack",
        ways: |scope| {
            each([
                scope.foreign("ec2:StopInstances", "instance/i-0ffffffffffffffff").choosing("ec2:InstanceProfile"),
                scope.foreign("ec2:RebootInstances", "instance/i-0ffffffffffffffff").choosing("ec2:InstanceProfile"),
            ])
        },
    },
    EscalationPath {
        name: "start_foreign_instance",
        what: "start machines that are not the stack's",
        fix: "ec2:StartInstances only with aws:ResourceTag of the stack",
        ways: |scope| {
            each([scope.foreign("ec2:StartInstances", "instance/i-0ffffffffffffffff").choosing("ec2:InstanceProfile")])
        },
    },
    EscalationPath {
        name: "give_foreign_instance_a_role",
        what: "give a machine that is not the stack's another role",
        fix: "no ec2:AssociateIamInstanceProfile and no ec2:ReplaceIamInstanceProfileAssociation, or only with \
            aws:ResourceTag of the stack",
        ways: |scope| {
            each([
                scope
                    .foreign("ec2:AssociateIamInstanceProfile", "instance/i-0ffffffffffffffff")
                    .choosing("ec2:InstanceProfile"),
                scope
                    .foreign("ec2:ReplaceIamInstanceProfileAssociation", "instance/i-0ffffffffffffffff")
                    .choosing("ec2:InstanceProfile"),
            ])
        },
    },
    EscalationPath {
        name: "forge_ownership",
        what: "write the stack's tag on what is not its own, and so defeat every rule that trusts tags",
        fix: "ec2:CreateTags only with ec2:CreateAction, or on what is the stack's already and without the stack's key",
        ways: |scope| {
            each(
                TAGGED
                    .map(|what| scope.foreign("ec2:CreateTags", what))
                    .into_iter()
                    .chain(BALANCING.map(|what| scope.foreign("elasticloadbalancing:AddTags", what)))
                    .map(asking),
            )
        },
    },
    EscalationPath {
        name: "disown_node",
        what: "change or remove the stack's tag on what is its own, so that it is not found any more",
        fix: "ec2:CreateTags on what is there only with aws:TagKeys without ringfence:stack; no ec2:DeleteTags",
        ways: |scope| {
            each(TAGGED.into_iter().flat_map(|what| {
                let write = scope.own("ec2:CreateTags", what).with("aws:RequestTag/ringfence:stack", "another's");
                let [write, delete] =
                    [write, scope.own("ec2:DeleteTags", what)].map(|one| among(one, "aws:tagkeys", STACK_TAG));
                // Without any keys it deletes all tags.
                [write, delete, leaving_out(scope.own("ec2:DeleteTags", what), "aws:TagKeys")]
            }))
        },
    },
    EscalationPath {
        name: "open_foreign_security_group",
        what: "open a neighbour's security group, such as that of a database in the same VPC",
        fix: "ec2:AuthorizeSecurityGroupIngress and ec2:ModifySecurityGroupRules on listed groups, or with \
            aws:ResourceTag of the stack",
        ways: |scope| {
            each([
                scope
                    .foreign("ec2:AuthorizeSecurityGroupIngress", "security-group/sg-0ffffffffffffffff")
                    .choosing("ec2:Vpc"),
                scope
                    .foreign("ec2:ModifySecurityGroupRules", "security-group/sg-0ffffffffffffffff")
                    .choosing("ec2:Vpc"),
                scope
                    .foreign("ec2:AuthorizeSecurityGroupEgress", "security-group/sg-0ffffffffffffffff")
                    .choosing("ec2:Vpc"),
            ])
        },
    },
    EscalationPath {
        name: "pass_any_role",
        what: "hand another role of the account to a machine, such as an administrator's",
        fix: "iam:PassRole on the node role's full ARN",
        ways: |scope| each([scope.foreign("iam:PassRole", "role/administrator").choosing("iam:PassedToService")]),
    },
    EscalationPath {
        name: "pass_role_to_another_service",
        what: "hand a role to another service than EC2, such as Lambda, and run code as it there",
        fix: "iam:PassRole only with iam:PassedToService ec2.amazonaws.com",
        ways: |scope| {
            let named = scope.values("iam:PassedToService").into_iter().filter(|one| !is_ec2(one));
            let services: Vec<String> = SERVICES.map(str::to_owned).into_iter().chain(named).collect();
            let roles =
                scope.named("iam:PassRole", "role/").into_iter().chain([scope.arn("iam", "role/administrator")]);
            each(roles.flat_map(|role| {
                let to = |service: &String| {
                    scope.foreign_at("iam:PassRole", role.clone()).with("iam:PassedToService", service)
                };
                services.iter().map(to).collect::<Vec<_>>()
            }))
        },
    },
    EscalationPath {
        name: "change_user_data",
        what: "change the start-up script of a node, which then runs as the node role",
        fix: "no ec2:ModifyInstanceAttribute: replace a node to change its type",
        ways: |scope| {
            each([scope.own("ec2:ModifyInstanceAttribute", "instance/i-0ffffffffffffffff").choosing("ec2:Attribute")])
        },
    },
    EscalationPath {
        name: "read_any_vpc_attribute",
        what: "read attributes of every VPC",
        fix: "ec2:DescribeVpcAttribute on the VPC's ARN",
        ways: |scope| each([scope.foreign("ec2:DescribeVpcAttribute", "vpc/vpc-0ffffffffffffffff")]),
    },
    EscalationPath {
        name: "change_foreign_network",
        what: "delete or open networks of the account",
        fix: "bring your own VPC: no ec2:Create*, Delete*, Replace* or Modify* of networks",
        ways: |scope| each(NETWORK.into_iter().map(|(action, what)| scope.foreign(action, what))),
    },
    EscalationPath {
        name: "delete_foreign_load_balancer",
        what: "delete any load balancer of the account, its listeners or its target groups",
        fix: "elasticloadbalancing:Delete* only with aws:ResourceTag of the stack",
        ways: |scope| {
            each([
                scope.foreign(
                    "elasticloadbalancing:DeleteLoadBalancer",
                    "loadbalancer/net/ringfence-x/0123456789abcdef",
                ),
                scope.foreign(
                    "elasticloadbalancing:DeleteListener",
                    "listener/net/ringfence-x/0123456789abcdef/0123456789abcdef",
                ),
                scope.foreign(
                    "elasticloadbalancing:DeleteRule",
                    "listener-rule/net/ringfence-x/0123456789abcdef/0123456789abcdef/0123456789abcdef",
                ),
                scope.foreign("elasticloadbalancing:DeleteTargetGroup", "targetgroup/ringfence-x/0123456789abcdef"),
            ])
        },
    },
    EscalationPath {
        name: "redirect_foreign_traffic",
        what: "send what is meant for others to a node, or theirs nowhere",
        fix: "elasticloadbalancing:ModifyListener, ModifyRule, RegisterTargets and DeregisterTargets only with \
            aws:ResourceTag of the stack",
        ways: |scope| {
            each([
                scope.foreign(
                    "elasticloadbalancing:ModifyListener",
                    "listener/net/ringfence-x/0123456789abcdef/0123456789abcdef",
                ),
                scope.foreign(
                    "elasticloadbalancing:ModifyRule",
                    "listener-rule/net/ringfence-x/0123456789abcdef/0123456789abcdef/0123456789abcdef",
                ),
                scope.foreign(
                    "elasticloadbalancing:SetRulePriorities",
                    "listener-rule/net/ringfence-x/0123456789abcdef/0123456789abcdef/0123456789abcdef",
                ),
                scope.foreign(
                    "elasticloadbalancing:CreateRule",
                    "listener/net/ringfence-x/0123456789abcdef/0123456789abcdef",
                ),
                scope.foreign("elasticloadbalancing:RegisterTargets", "targetgroup/ringfence-x/0123456789abcdef"),
                scope.foreign("elasticloadbalancing:DeregisterTargets", "targetgroup/ringfence-x/0123456789abcdef"),
                scope.foreign("elasticloadbalancing:ModifyTargetGroup", "targetgroup/ringfence-x/0123456789abcdef"),
                asking(
                    scope.foreign(
                        "elasticloadbalancing:CreateListener",
                        "loadbalancer/net/ringfence-x/0123456789abcdef",
                    ),
                ),
            ])
        },
    },
    EscalationPath {
        name: "public_load_balancer",
        what: "put a load balancer on the internet",
        fix: "elasticloadbalancing:CreateLoadBalancer only with elasticloadbalancing:Scheme internal",
        ways: |scope| {
            let new = scope
                .made("elasticloadbalancing:CreateLoadBalancer", "loadbalancer/net/ringfence-x/new")
                .choosing("elasticloadbalancing:Subnet")
                .choosing("elasticloadbalancing:SecurityGroup");
            each([
                new.clone().with("elasticloadbalancing:Scheme", "internet-facing"),
                leaving_out(new, "elasticloadbalancing:Scheme"),
            ])
        },
    },
    EscalationPath {
        name: "balance_into_foreign_security_group",
        what: "put a load balancer into anybody's security group, and so reach what that group reaches",
        fix: "elasticloadbalancing:CreateLoadBalancer and SetSecurityGroups only with \
            elasticloadbalancing:SecurityGroup of listed groups",
        ways: |scope| {
            each(
                [
                    scope
                        .made("elasticloadbalancing:CreateLoadBalancer", "loadbalancer/net/ringfence-x/new")
                        .choosing("elasticloadbalancing:Subnet")
                        .choosing("elasticloadbalancing:Scheme"),
                    scope
                        .own("elasticloadbalancing:SetSecurityGroups", "loadbalancer/net/ringfence-x/0123456789abcdef"),
                ]
                .map(|request| among(request, "elasticloadbalancing:securitygroup", "sg-0ffffffffffffffff")),
            )
        },
    },
    EscalationPath {
        name: "become_administrator",
        what: "write policies, roles or keys, and so become whoever it likes",
        fix: "no iam actions that write",
        ways: |scope| {
            each(IAM_WRITES.into_iter().flat_map(|(action, kind)| {
                let named = scope.named(action, kind).into_iter();
                let other = scope.arn("iam", &format!("{kind}administrator"));
                named.chain([other]).map(|arn| scope.foreign_at(action, arn)).collect::<Vec<_>>()
            }))
        },
    },
    EscalationPath {
        name: "assume_any_role",
        what: "become another role of the account",
        fix: "sts:AssumeRole on listed roles only",
        ways: |scope| each([scope.foreign_at("sts:AssumeRole", scope.arn("iam", "role/administrator"))]),
    },
    EscalationPath {
        name: "run_commands_on_foreign_instance",
        what: "run commands on machines that are not the stack's",
        fix: "ssm:SendCommand and ssm:StartSession only on instances with ssm:resourceTag of the stack",
        ways: |scope| {
            each(
                ["ssm:SendCommand", "ssm:StartSession", "ec2-instance-connect:SendSSHPublicKey"]
                    .map(|action| scope.foreign_at(action, scope.arn("ec2", "instance/i-0ffffffffffffffff"))),
            )
        },
    },
    EscalationPath {
        name: "change_foreign_function",
        what: "put its own code into any function of the account, which runs as the function's role",
        fix: "no lambda:UpdateFunctionCode, or on listed functions",
        ways: |scope| each([scope.foreign("lambda:UpdateFunctionCode", "function:another")]),
    },
    EscalationPath {
        name: "read_foreign_data",
        what: "read buckets, secrets or parameters that are not the stack's",
        fix: "s3, secretsmanager and ssm:GetParameter* on listed ARNs only",
        ways: |scope| {
            each([
                scope.foreign("s3:GetObject", "another-bucket/file"),
                scope.foreign("s3:GetObjectVersion", "another-bucket/file"),
                scope.foreign("s3:PutBucketPolicy", "another-bucket"),
                scope.foreign("secretsmanager:GetSecretValue", "secret:another-AbCdEf"),
                scope.foreign("ssm:GetParameter", "parameter/another"),
                scope.foreign("ssm:GetParameters", "parameter/another"),
                scope.foreign("ssm:GetParametersByPath", "parameter/another"),
            ])
        },
    },
];

/// What carries tags in EC2.
const TAGGED: [&str; 6] = [
    "instance/i-0ffffffffffffffff",
    "volume/vol-0ffffffffffffffff",
    "snapshot/snap-0ffffffffffffffff",
    "image/ami-0ffffffffffffffff",
    "security-group/sg-0ffffffffffffffff",
    "network-interface/eni-0ffffffffffffffff",
];

/// What makes an administrator of whoever may do it to the right one, and the kind that it is done to.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>
const IAM_WRITES: [(&str, &str); 26] = [
    ("iam:AddRoleToInstanceProfile", "instance-profile/"),
    ("iam:AddUserToGroup", "group/"),
    ("iam:AttachGroupPolicy", "group/"),
    ("iam:AttachRolePolicy", "role/"),
    ("iam:AttachUserPolicy", "user/"),
    ("iam:CreateAccessKey", "user/"),
    ("iam:CreateLoginProfile", "user/"),
    ("iam:CreateOpenIDConnectProvider", "oidc-provider/"),
    ("iam:CreatePolicyVersion", "policy/"),
    ("iam:CreateServiceSpecificCredential", "user/"),
    ("iam:DeleteRolePermissionsBoundary", "role/"),
    ("iam:DeleteRolePolicy", "role/"),
    ("iam:DeleteUserPermissionsBoundary", "user/"),
    ("iam:DeleteUserPolicy", "user/"),
    ("iam:DetachRolePolicy", "role/"),
    ("iam:DetachUserPolicy", "user/"),
    ("iam:PutGroupPolicy", "group/"),
    ("iam:PutRolePermissionsBoundary", "role/"),
    ("iam:PutRolePolicy", "role/"),
    ("iam:PutUserPermissionsBoundary", "user/"),
    ("iam:PutUserPolicy", "user/"),
    ("iam:SetDefaultPolicyVersion", "policy/"),
    ("iam:UpdateAccessKey", "user/"),
    ("iam:UpdateAssumeRolePolicy", "role/"),
    ("iam:UpdateLoginProfile", "user/"),
    ("iam:UpdateSAMLProvider", "saml-provider/"),
];

/// What carries tags in load balancing.
const BALANCING: [&str; 3] = [
    "loadbalancer/net/ringfence-x/0123456789abcdef",
    "targetgroup/ringfence-x/0123456789abcdef",
    "listener/net/ringfence-x/0123456789abcdef/0123456789abcdef",
];

/// What changes networks, and on what.
const NETWORK: [(&str, &str); 20] = [
    ("ec2:DeleteRoute", "route-table/rtb-0ffffffffffffffff"),
    ("ec2:ReplaceRoute", "route-table/rtb-0ffffffffffffffff"),
    ("ec2:CreateRoute", "route-table/rtb-0ffffffffffffffff"),
    ("ec2:AssociateRouteTable", "route-table/rtb-0ffffffffffffffff"),
    ("ec2:DeleteVpc", "vpc/vpc-0ffffffffffffffff"),
    ("ec2:ModifyVpcAttribute", "vpc/vpc-0ffffffffffffffff"),
    ("ec2:CreateVpcPeeringConnection", "vpc/vpc-0ffffffffffffffff"),
    ("ec2:DeleteSubnet", "subnet/subnet-0ffffffffffffffff"),
    ("ec2:ModifySubnetAttribute", "subnet/subnet-0ffffffffffffffff"),
    ("ec2:DeleteSecurityGroup", "security-group/sg-0ffffffffffffffff"),
    ("ec2:RevokeSecurityGroupIngress", "security-group/sg-0ffffffffffffffff"),
    ("ec2:DeleteNetworkInterface", "network-interface/eni-0ffffffffffffffff"),
    ("ec2:ModifyNetworkInterfaceAttribute", "network-interface/eni-0ffffffffffffffff"),
    ("ec2:CreateNetworkAclEntry", "network-acl/acl-0ffffffffffffffff"),
    ("ec2:DeleteNetworkAclEntry", "network-acl/acl-0ffffffffffffffff"),
    ("ec2:ReplaceNetworkAclEntry", "network-acl/acl-0ffffffffffffffff"),
    ("ec2:ReplaceNetworkAclAssociation", "network-acl/acl-0ffffffffffffffff"),
    ("ec2:AttachInternetGateway", "internet-gateway/igw-0ffffffffffffffff"),
    ("ec2:DetachInternetGateway", "internet-gateway/igw-0ffffffffffffffff"),
    ("ec2:DeleteVpcEndpoints", "vpc-endpoint/vpce-0ffffffffffffffff"),
];

/// Services that run code as a role that is passed to them.
const SERVICES: [&str; 5] = [
    "cloudformation.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "glue.amazonaws.com",
    "lambda.amazonaws.com",
    "sagemaker.amazonaws.com",
];

fn is_ec2(service: &str) -> bool {
    service.starts_with("ec2.")
}

/// With one of several values being this.
fn among(mut request: Request, key: &str, value: &str) -> Request {
    request.keys.insert(key.to_owned(), Key::Among(value.to_owned()));
    request
}

/// Each check is a way by itself.
fn each(checks: impl IntoIterator<Item = Request>) -> Vec<Vec<Request>> {
    checks.into_iter().map(|check| vec![check]).collect()
}
