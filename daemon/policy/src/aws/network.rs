//! Early warnings: why nodes in a network would not come up, told before anything is launched. Pure: what was seen
//! becomes findings.

use std::collections::BTreeSet;

/// The first and last port.
pub type PortRange = (u16, u16);

/// What was seen of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// The VPC.
    pub vpc: String,
    /// Whether machines in it get host names.
    pub dns_hostnames: bool,
    /// Whether it answers questions of names.
    pub dns_support: bool,
    /// The subnets that nodes would be in.
    pub subnets: Vec<Subnet>,
    /// The groups that nodes would be in.
    pub security_groups: Vec<SecurityGroup>,
    /// Private ways to services of AWS.
    pub endpoints: Vec<Endpoint>,
}

/// A subnet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// The VPC that it is in.
    pub vpc: String,
    /// Where its packets go that go nowhere else: an internet gateway (`igw-…`), a NAT gateway (`nat-…`) or another way
    /// out.
    pub default_route: Option<String>,
    /// The rules of its network ACL for what comes in from anywhere, by their numbers.
    pub acl: Vec<AclRule>,
}

/// A rule of a network ACL about TCP from anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AclRule {
    /// The lowest number decides.
    pub number: i32,
    /// Whether it lets through.
    pub allows: bool,
    /// The ports.
    pub ports: PortRange,
}

/// A security group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its id.
    pub id: String,
    /// The VPC that it is in.
    pub vpc: String,
    /// The TCP ports of its members that nodes may reach, which are in all of the groups.
    pub from_nodes: Vec<PortRange>,
    /// The TCP ports that somebody else may reach, from wherever.
    pub from_others: Vec<PortRange>,
}

/// A private way to a service of AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// The service, such as `com.amazonaws.eu-north-1.s3`.
    pub service: String,
    /// Whether its policy lets everything through.
    pub is_open: bool,
}

/// Something that is not as nodes need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkFinding {
    /// Which check, for scripts.
    pub check: &'static str,
    /// The id of what it is about.
    pub subject: String,
    /// What is wrong and what comes of it.
    pub what: String,
    /// What to do.
    pub fix: &'static str,
}

/// The names of the checks.
pub const NETWORK_CHECKS: [&str; 11] = [
    "dns_hostnames",
    "dns_support",
    "ephemeral_ports",
    "internet_route",
    "port_443",
    "port_80",
    "port_80_acl",
    "security_group_vpc",
    "self_reference",
    "subnet_vpc",
    "vpc_endpoint",
];

/// Replies are sent to these ports.
const EPHEMERAL: PortRange = (32_768, 65_535);
const ALL_PORTS: PortRange = (0, 65_535);

/// What is not as nodes need it.
pub fn network_findings(network: &Network) -> Vec<NetworkFinding> {
    let mut found = Found::default();
    names(network, &mut found);
    for subnet in &network.subnets {
        ways_of(subnet, &network.vpc, &mut found);
    }
    ports(network, &mut found);
    endpoints(network, &mut found);
    found.0
}

/// What was found so far.
#[derive(Default)]
struct Found(Vec<NetworkFinding>);

impl Found {
    fn note(&mut self, is_wrong: bool, check: &'static str, subject: &str, what: String, fix: &'static str) {
        if is_wrong {
            self.0.push(NetworkFinding { check, subject: subject.to_owned(), what, fix });
        }
    }
}

/// Whether names are found.
fn names(network: &Network, found: &mut Found) {
    let vpc = &network.vpc;
    found.note(
        !network.dns_support,
        "dns_support",
        vpc,
        "DNS support is off: nodes find neither AWS nor one another".to_owned(),
        "turn enable_dns_support of the VPC on",
    );
    found.note(
        !network.dns_hostnames,
        "dns_hostnames",
        vpc,
        "DNS host names are off: endpoints of AWS are not found privately".to_owned(),
        "turn enable_dns_hostnames of the VPC on",
    );
}

/// Whether a subnet is in the VPC, and packets find their way out of it and back.
fn ways_of(subnet: &Subnet, vpc: &str, found: &mut Found) {
    found.note(
        subnet.vpc != vpc,
        "subnet_vpc",
        &subnet.id,
        format!("the subnet is in {}, not in {vpc}: a launch there is refused", subnet.vpc),
        "name a subnet of the VPC",
    );
    found.note(
        subnet.default_route.is_none(),
        "internet_route",
        &subnet.id,
        "no default route leads out: nodes reach nothing but the VPC and its endpoints".to_owned(),
        "route 0.0.0.0/0 to an internet gateway (nodes with public addresses) or a NAT gateway, or add endpoints",
    );
    found.note(
        !acl_allows(&subnet.acl, EPHEMERAL),
        "ephemeral_ports",
        &subnet.id,
        "the network ACL keeps out some of TCP 32768 to 65535: replies to nodes are lost".to_owned(),
        "allow TCP 32768-65535 inbound from 0.0.0.0/0 in the network ACL, and let the security group decide",
    );
    found.note(
        !acl_allows(&subnet.acl, (80, 80)),
        "port_80_acl",
        &subnet.id,
        "the network ACL keeps out TCP 80: no publicly signed certificates".to_owned(),
        "allow TCP 80 inbound from 0.0.0.0/0 in the network ACL, if certificates are to be signed publicly",
    );
}

/// Whether the groups are in the VPC, and open what nodes need.
fn ports(network: &Network, found: &mut Found) {
    let vpc = &network.vpc;
    for group in &network.security_groups {
        found.note(
            group.vpc != *vpc,
            "security_group_vpc",
            &group.id,
            format!("the group is in {}, not in {vpc}: a launch with it is refused", group.vpc),
            "name a security group of the VPC",
        );
    }
    // Nodes are in all of the groups, so what one of them opens is open.
    let groups = network.security_groups.iter().map(|group| group.id.as_str()).collect::<Vec<_>>().join(", ");
    let opened = |ports: fn(&SecurityGroup) -> &Vec<PortRange>| -> Vec<PortRange> {
        network.security_groups.iter().flat_map(ports).copied().collect()
    };
    let (from_nodes, from_others) = (opened(|group| &group.from_nodes), opened(|group| &group.from_others));
    found.note(
        !covers(&from_nodes, ALL_PORTS),
        "self_reference",
        &groups,
        "their members may not reach every TCP port of one another: nodes do not find their head".to_owned(),
        "add an ingress rule for all TCP ports whose source is the group itself",
    );
    for (port, check, what) in [
        (80, "port_80", "nobody reaches TCP 80: no publicly signed certificates"),
        (443, "port_443", "nobody reaches TCP 443: no clients from outside the groups"),
    ] {
        found.note(
            !covers(&from_others, (port, port)),
            check,
            &groups,
            what.to_owned(),
            "open the port to those who are to reach it, or leave it closed on purpose",
        );
    }
}

/// Whether endpoints let through what nodes may do.
fn endpoints(network: &Network, found: &mut Found) {
    for endpoint in network.endpoints.iter().filter(|endpoint| !endpoint.is_open) {
        found.note(
            true,
            "vpc_endpoint",
            &endpoint.id,
            format!(
                "the endpoint of {} has a policy of its own, which may keep nodes from what their role allows",
                endpoint.service
            ),
            "let the endpoint's policy allow what the instance profile allows",
        );
    }
}

/// Whether the rules let all of these ports through. For each port the rule of the lowest number decides; what none
/// decides is kept out.
fn acl_allows(rules: &[AclRule], ports: PortRange) -> bool {
    let mut rules = rules.to_vec();
    rules.sort_by_key(|rule| rule.number);
    let decide = |port: u16| {
        let rule = rules.iter().find(|rule| (rule.ports.0..=rule.ports.1).contains(&port));
        rule.is_some_and(|rule| rule.allows)
    };
    // Between these ports nothing changes.
    let mut edges = BTreeSet::from([ports.0, ports.1]);
    for rule in &rules {
        edges.extend([rule.ports.0, rule.ports.1.saturating_add(1)]);
    }
    edges.into_iter().filter(|port| (ports.0..=ports.1).contains(port)).all(decide)
}

/// Whether the ranges together hold all of these ports.
fn covers(ranges: &[PortRange], ports: PortRange) -> bool {
    let rules: Vec<AclRule> = ranges.iter().map(|ports| AclRule { number: 0, allows: true, ports: *ports }).collect();
    acl_allows(&rules, ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(number: i32, allows: bool, first: u16, last: u16) -> AclRule {
        AclRule { number, allows, ports: (first, last) }
    }

    fn good() -> Network {
        Network {
            vpc: "vpc-1".into(),
            dns_hostnames: true,
            dns_support: true,
            subnets: vec![Subnet {
                id: "subnet-1".into(),
                vpc: "vpc-1".into(),
                default_route: Some("igw-1".into()),
                acl: vec![rule(100, true, 0, 65_535), rule(32_767, false, 0, 65_535)],
            }],
            security_groups: vec![SecurityGroup {
                id: "sg-1".into(),
                vpc: "vpc-1".into(),
                from_nodes: vec![(0, 65_535)],
                from_others: vec![(80, 80), (443, 443)],
            }],
            endpoints: vec![Endpoint { id: "vpce-1".into(), service: "s3".into(), is_open: true }],
        }
    }

    type Break = fn(&mut Network);

    #[test]
    fn a_good_network_has_no_findings_and_each_fault_has_its_own() {
        assert_eq!(network_findings(&good()), []);
        let table: [(&str, Break); 13] = [
            ("dns_support", |network| network.dns_support = false),
            ("dns_hostnames", |network| network.dns_hostnames = false),
            ("subnet_vpc", |network| network.subnets[0].vpc = "vpc-2".into()),
            ("internet_route", |network| network.subnets[0].default_route = None),
            ("ephemeral_ports", |network| network.subnets[0].acl.push(rule(50, false, 40_000, 40_000))),
            ("ephemeral_ports", |network| network.subnets[0].acl[0] = rule(100, true, 0, 65_534)),
            ("port_80_acl", |network| network.subnets[0].acl.push(rule(1, false, 80, 80))),
            ("security_group_vpc", |network| network.security_groups[0].vpc = "vpc-2".into()),
            ("self_reference", |network| network.security_groups[0].from_nodes = vec![(0, 100), (102, 65_535)]),
            ("self_reference", |network| network.security_groups[0].from_nodes.clear()),
            ("port_80", |network| network.security_groups[0].from_others = vec![(443, 443)]),
            ("port_443", |network| network.security_groups[0].from_others = vec![(0, 442)]),
            ("vpc_endpoint", |network| network.endpoints[0].is_open = false),
        ];
        for (check, break_it) in table {
            let mut network = good();
            break_it(&mut network);
            let found = network_findings(&network);
            assert_eq!(found.iter().map(|finding| finding.check).collect::<Vec<_>>(), [check], "{found:?}");
        }
    }

    #[test]
    fn ranges_that_together_hold_all_ports_are_as_good_as_one() {
        assert!(covers(&[(0, 100), (101, 65_535)], ALL_PORTS));
        assert!(acl_allows(&[rule(2, false, 0, 65_535), rule(1, true, 0, 65_535)], EPHEMERAL));
        assert!(!acl_allows(&[], (80, 80)));
    }
}
