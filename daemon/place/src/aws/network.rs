//! Reads a network as EC2 describes it, for the early warnings. Needs the grant `network_checks`.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{
    Filter, IpPermission, NetworkAcl, Route, RouteState, RouteTable, RuleAction, VpcAttributeName,
};
use ringfence_policy::aws::{
    AclRule, Effect, Endpoint, Network, PortRange, SecurityGroup, SecurityGroupId, Statement, Subnet, SubnetId, VpcId,
};
use serde_json::{Value, json};

use super::account::{AwsAccount, AwsError, failed};

const ANYWHERE: &str = "0.0.0.0/0";

impl AwsAccount {
    /// What nodes in these subnets and groups of a VPC would find.
    pub async fn describe_network(
        &self,
        vpc: &VpcId,
        subnets: &BTreeSet<SubnetId>,
        groups: &BTreeSet<SecurityGroupId>,
    ) -> Result<Network, AwsError> {
        let of_vpc = || Filter::builder().name("vpc-id").values(vpc.as_str()).build();
        let attribute = async |name: VpcAttributeName| {
            let call = self.ec2.describe_vpc_attribute().vpc_id(vpc.as_str()).attribute(name).send().await;
            call.map_err(failed("ec2:DescribeVpcAttribute"))
        };
        let hostnames = attribute(VpcAttributeName::EnableDnsHostnames).await?;
        let support = attribute(VpcAttributeName::EnableDnsSupport).await?;
        let tables = self.ec2.describe_route_tables().filters(of_vpc()).send().await;
        let tables = tables.map_err(failed("ec2:DescribeRouteTables"))?.route_tables.unwrap_or_default();
        let acls = self.ec2.describe_network_acls().filters(of_vpc()).send().await;
        let acls = acls.map_err(failed("ec2:DescribeNetworkAcls"))?.network_acls.unwrap_or_default();
        let endpoints = self.ec2.describe_vpc_endpoints().filters(of_vpc()).send().await;
        let endpoints = endpoints.map_err(failed("ec2:DescribeVpcEndpoints"))?.vpc_endpoints.unwrap_or_default();
        let ids = subnets.iter().map(ToString::to_string).collect();
        let found = self.ec2.describe_subnets().set_subnet_ids(Some(ids)).send().await;
        let found = found.map_err(failed("ec2:DescribeSubnets"))?.subnets.unwrap_or_default();
        let subnets = found.into_iter().map(|subnet| {
            let id = subnet.subnet_id.unwrap_or_default();
            Subnet {
                default_route: default_route(&tables, &id),
                acl: acl(&acls, &id),
                vpc: subnet.vpc_id.unwrap_or_default(),
                id,
            }
        });
        let subnets = subnets.collect();
        let ids = groups.iter().map(ToString::to_string).collect();
        let found = self.ec2.describe_security_groups().set_group_ids(Some(ids)).send().await;
        let found = found.map_err(failed("ec2:DescribeSecurityGroups"))?.security_groups.unwrap_or_default();
        let security_groups = found.into_iter().map(|group| {
            let id = group.group_id.unwrap_or_default();
            let (from_nodes, from_others) = ingress(groups, &group.ip_permissions.unwrap_or_default());
            SecurityGroup { vpc: group.vpc_id.unwrap_or_default(), from_nodes, from_others, id }
        });
        let security_groups = security_groups.collect();
        Ok(Network {
            vpc: vpc.to_string(),
            dns_hostnames: hostnames.enable_dns_hostnames.and_then(|on| on.value).unwrap_or_default(),
            dns_support: support.enable_dns_support.and_then(|on| on.value).unwrap_or_default(),
            subnets,
            security_groups,
            endpoints: endpoints
                .into_iter()
                .map(|endpoint| Endpoint {
                    id: endpoint.vpc_endpoint_id.unwrap_or_default(),
                    service: endpoint.service_name.unwrap_or_default(),
                    is_open: endpoint.policy_document.is_none_or(|policy| is_open(&policy)),
                })
                .collect(),
        })
    }
}

/// Whether a policy of an endpoint lets everybody do everything through it, as the one does that AWS writes when none
/// is given.
fn is_open(policy: &str) -> bool {
    ringfence_policy::aws::Document::parse(policy).is_ok_and(|policy| {
        let all = |texts: &[String]| texts.iter().any(|text| text == "*");
        let everybody =
            |principal: &Value| principal == "*" || principal["AWS"] == "*" || principal["AWS"] == json!(["*"]);
        let denies = |statement: &Statement| statement.effect == Effect::Deny;
        !policy.statement.iter().any(denies)
            && policy.statement.iter().any(|statement| {
                all(&statement.action)
                    && all(&statement.resource)
                    && statement.condition.is_empty()
                    && statement.principal.as_ref().is_some_and(everybody)
            })
    })
}

/// Where a subnet's packets go that go nowhere else: by its own route table, or by the VPC's main one.
fn default_route(tables: &[RouteTable], subnet: &str) -> Option<String> {
    let named = |table: &&RouteTable| table.associations().iter().any(|one| one.subnet_id() == Some(subnet));
    let main = |table: &&RouteTable| table.associations().iter().any(|one| one.main() == Some(true));
    let table = tables.iter().find(named).or_else(|| tables.iter().find(main))?;
    let leads = |route: &&Route| {
        route.destination_cidr_block() == Some(ANYWHERE) && route.state() != Some(&RouteState::Blackhole)
    };
    let route = table.routes().iter().find(leads)?;
    let ways = [route.gateway_id(), route.nat_gateway_id(), route.transit_gateway_id(), route.network_interface_id()];
    ways.into_iter().flatten().next().map(str::to_owned)
}

/// The rules of a subnet's network ACL about TCP from anywhere.
fn acl(acls: &[NetworkAcl], subnet: &str) -> Vec<AclRule> {
    let named = |acl: &&NetworkAcl| acl.associations().iter().any(|one| one.subnet_id() == Some(subnet));
    let acl = acls.iter().find(named).or_else(|| acls.iter().find(|acl| acl.is_default() == Some(true)));
    let entries = acl.map(NetworkAcl::entries).unwrap_or_default();
    let from_anywhere = entries.iter().filter(|entry| {
        entry.egress() == Some(false)
            && entry.cidr_block() == Some(ANYWHERE)
            && matches!(entry.protocol(), Some("-1" | "6"))
    });
    from_anywhere
        .map(|entry| AclRule {
            number: entry.rule_number().unwrap_or(i32::MAX),
            allows: entry.rule_action() == Some(&RuleAction::Allow),
            ports: entry.port_range().map_or((0, u16::MAX), |range| ports(range.from(), range.to())),
        })
        .collect()
}

/// The TCP ports that a group opens to nodes, which are in all of these groups, and to others.
fn ingress(groups: &BTreeSet<SecurityGroupId>, rules: &[IpPermission]) -> (Vec<PortRange>, Vec<PortRange>) {
    let of_nodes = |id: &str| groups.iter().any(|group| group.as_str() == id);
    let (mut nodes, mut others) = (Vec::new(), Vec::new());
    for rule in rules.iter().filter(|rule| matches!(rule.ip_protocol(), Some("-1" | "tcp" | "6"))) {
        let range = ports(rule.from_port(), rule.to_port());
        let (own, foreign): (Vec<_>, Vec<_>) =
            rule.user_id_group_pairs().iter().partition(|pair| pair.group_id().is_some_and(of_nodes));
        let everybody = rule.ip_ranges().iter().any(|range| range.cidr_ip() == Some(ANYWHERE));
        if !own.is_empty() || everybody {
            nodes.push(range);
        }
        if !foreign.is_empty()
            || !rule.ip_ranges().is_empty()
            || !rule.ipv6_ranges().is_empty()
            || !rule.prefix_list_ids().is_empty()
        {
            others.push(range);
        }
    }
    (nodes, others)
}

fn ports(from: Option<i32>, to: Option<i32>) -> PortRange {
    let port = |port: Option<i32>, missing: u16| port.and_then(|port| u16::try_from(port).ok()).unwrap_or(missing);
    (port(from.filter(|port| *port >= 0), 0), port(to.filter(|port| *port >= 0), u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_open_when_its_policy_lets_everybody_do_everything() {
        let all = r#""Action":"*","Resource":"*""#;
        for (statements, open) in [
            (format!(r#"{{"Effect":"Allow","Principal":"*",{all}}}"#), true),
            (format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"*"}},{all}}}"#), true),
            (format!(r#"{{"Effect":"Deny","Principal":"*",{all}}}"#), false),
            (format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::1:role/x"}},{all}}}"#), false),
            (
                format!(
                    r#"{{"Effect":"Allow","Principal":"*",{all}}},{{"Effect":"Deny","Principal":"*","Action":"s3:*",
                        "Resource":"*"}}"#
                ),
                false,
            ),
            (r#"{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}"#.to_owned(), false),
        ] {
            assert_eq!(is_open(&format!(r#"{{"Statement":[{statements}]}}"#)), open, "{statements}");
        }
    }
}
