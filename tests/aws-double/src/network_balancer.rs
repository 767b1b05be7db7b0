//! ARNs of network load balancers: moto calls every balancer `app`, where AWS says `net` for these.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html>

use std::collections::BTreeSet;

use crate::between::between;
use crate::query::Query;

/// The network load balancers that were made, as `NAME/ID`.
#[derive(Debug, Default)]
pub(crate) struct NetworkBalancers(BTreeSet<String>);

impl NetworkBalancers {
    /// Takes note of a call that was done.
    pub(crate) fn answered(&mut self, query: &Query, answer: &str) {
        if query.action == "CreateLoadBalancer" && query.get("Type") == Some("network") {
            self.0.extend(between(answer, ":loadbalancer/app/", "</LoadBalancerArn>").map(str::to_owned));
        }
    }

    /// An answer of moto, in AWS's words.
    pub(crate) fn outward(&self, answer: String) -> String {
        self.0.iter().fold(answer, |text, name| text.replace(&format!("/app/{name}"), &format!("/net/{name}")))
    }

    /// A form for moto, in its words.
    pub(crate) fn inward(&self, form: String) -> String {
        self.0.iter().fold(form, |text, name| {
            let name = name.replace('/', "%2F");
            text.replace(&format!("%2Fnet%2F{}", dashed(&name)), &format!("%2Fapp%2F{}", dashed(&name)))
                .replace(&format!("%2Fnet%2F{name}"), &format!("%2Fapp%2F{name}"))
        })
    }
}

/// Some encode the dash of a name, others do not.
fn dashed(name: &str) -> String {
    name.replace('-', "%2D")
}
