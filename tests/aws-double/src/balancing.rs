//! The elementary checks of calls to Elastic Load Balancing.
//!
//! Which resource and which keys: the Service Authorization Reference,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html>. That tags
//! set at creation are a check of their own, with `elasticloadbalancing:CreateAction`:
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/tagging-resources-during-creation.html>.

use crate::ACCOUNT;
use crate::checks::{Keys, Parts, Value, request_tags};

impl Parts<'_> {
    /// Takes a call apart.
    pub(crate) async fn balancing(&mut self) {
        let query = self.query;
        let action = format!("elasticloadbalancing:{}", query.action);
        let name = query.get("Name").unwrap_or_default();
        let tags = request_tags(&query.tags("Tags.member"));
        let on = |name: &str| query.get(name).unwrap_or_default().to_owned();
        match query.action.as_str() {
            "CreateLoadBalancer" => {
                let kind = match query.get("Type") {
                    Some("network") => "net",
                    Some("gateway") => "gwy",
                    _ => "app",
                };
                let resource = self.balancing_arn(&format!("loadbalancer/{kind}/{name}/*"));
                let mut keys = tags.clone();
                // What is not said is open to the internet.
                let scheme = query.get("Scheme").unwrap_or("internet-facing");
                keys.insert("elasticloadbalancing:Scheme".to_owned(), scheme.into());
                let mut subnets: Vec<String> = query.list("Subnets.member").into_iter().map(str::to_owned).collect();
                let mapped = (1..).map_while(|n| query.get(&format!("SubnetMappings.member.{n}.SubnetId")));
                subnets.extend(mapped.map(str::to_owned));
                keys.insert("elasticloadbalancing:Subnet".to_owned(), Value::Texts(subnets));
                let groups = query.list("SecurityGroups.member").into_iter().map(str::to_owned).collect::<Vec<_>>();
                if !groups.is_empty() {
                    keys.insert("elasticloadbalancing:SecurityGroup".to_owned(), Value::Texts(groups));
                }
                self.add(&action, resource.clone(), keys);
                self.looked_up(&["DescribeAccountAttributes", "DescribeAddresses", "DescribeInternetGateways"]);
                self.balancing_tags(resource, tags);
            }
            "CreateTargetGroup" => {
                let resource = self.balancing_arn(&format!("targetgroup/{name}/*"));
                self.add(&action, resource.clone(), tags.clone());
                self.looked_up(&["DescribeInternetGateways"]);
                self.balancing_tags(resource, tags);
            }
            "CreateListener" => {
                let balancer = on("LoadBalancerArn");
                let mut keys = self.balancing_existing(&balancer).await;
                keys.extend(tags.clone());
                self.add(&action, balancer.clone(), keys);
                self.balancing_tags(format!("{}/*", balancer.replacen(":loadbalancer/", ":listener/", 1)), tags);
            }
            "AddTags" | "RemoveTags" => {
                for arn in query.list("ResourceArns.member") {
                    let mut keys = self.balancing_existing(arn).await;
                    keys.extend(tags.clone());
                    self.add(&action, arn.to_owned(), keys);
                }
            }
            _ if query.action.starts_with("Describe") => self.add(&action, "*".to_owned(), Keys::new()),
            _ => {
                let named = ["ListenerArn", "TargetGroupArn", "LoadBalancerArn"];
                let arn = named.into_iter().find_map(|name| query.get(name)).unwrap_or("*").to_owned();
                let keys = self.balancing_existing(&arn).await;
                self.add(&action, arn, keys);
                if query.action == "RegisterTargets" {
                    self.looked_up(&["DescribeInternetGateways"]);
                }
            }
        }
    }

    /// What is looked up in the caller's name:
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-permissions.html>.
    fn looked_up(&mut self, actions: &[&str]) {
        for action in actions {
            self.add(&format!("ec2:{action}"), "*".to_owned(), Keys::new());
        }
    }

    fn balancing_arn(&self, what: &str) -> String {
        format!("arn:aws:elasticloadbalancing:{}:{ACCOUNT}:{what}", self.query.region)
    }

    /// The tags of what is there.
    async fn balancing_existing(&self, arn: &str) -> Keys {
        let tags = self.inventory.tags_of_balancing(arn, &self.query.region).await;
        tags.iter().map(|(key, value)| (format!("aws:ResourceTag/{key}"), value.as_str().into())).collect()
    }

    /// The check of tags that are set at creation.
    fn balancing_tags(&mut self, resource: String, mut tags: Keys) {
        if !tags.is_empty() {
            tags.insert("elasticloadbalancing:CreateAction".to_owned(), self.query.action.as_str().into());
            self.add("elasticloadbalancing:AddTags", resource, tags);
        }
    }
}
