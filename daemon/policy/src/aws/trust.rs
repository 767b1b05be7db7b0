//! The trust policy: who may assume the cross-account role.

use std::collections::BTreeSet;

use super::document::{DocumentError, TRUST_LIMIT};
use super::external_id::ExternalId;
use super::fault::Fault;
use super::name::{Partition, Principal};
use super::template::{NODE_TRUST_POLICY, Rendered, TRUST_POLICY, Values, render};

/// What the trust policy is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// Who may assume the role.
    pub principals: BTreeSet<Principal>,
    /// What they must name.
    pub external_id: ExternalId,
}

impl Trust {
    /// The policy.
    pub fn render(&self) -> Rendered {
        let values: Values = [
            ("principal", self.principals.iter().map(ToString::to_string).collect()),
            ("external_id", vec![self.external_id.as_str().to_owned()]),
        ]
        .into();
        render(TRUST_POLICY, &values, |_| false)
    }

    /// What is wrong with it, at which attribute.
    pub fn faults(&self) -> Vec<Fault> {
        let partitions: BTreeSet<&str> =
            self.principals.iter().filter_map(|arn| arn.as_str().split(':').nth(1)).collect();
        let mut faults = Vec::new();
        if partitions.is_empty() {
            faults.push(Fault::new("principals", "name who may assume the role"));
        }
        if partitions.len() > 1 {
            let all = partitions.into_iter().collect::<Vec<_>>().join(", ");
            faults.push(Fault::new(
                "principals",
                format!("they are in the partitions {all}; a role trusts principals of its own only"),
            ));
        }
        faults.extend(self.render_within_limits().err().map(|error| Fault::new("principals", error.to_string())));
        faults
    }

    /// The policy, if it fits what an account takes without asking for more.
    pub fn render_within_limits(&self) -> Result<Rendered, DocumentError> {
        let rendered = self.render();
        let size = rendered.document.size();
        if size <= TRUST_LIMIT {
            return Ok(rendered);
        }
        let advice = "name fewer principals, or a shorter external id".to_owned();
        Err(DocumentError::TooLong { what: "the trust policy".to_owned(), size, limit: TRUST_LIMIT, advice })
    }
}

/// The trust policy of a node role: EC2 gives it to the machines that have the instance profile.
pub(super) fn node_trust(partition: Partition) -> Rendered {
    let service = if partition == Partition::AwsCn { "ec2.amazonaws.com.cn" } else { "ec2.amazonaws.com" };
    render(NODE_TRUST_POLICY, &[("ec2_principal", vec![service.to_owned()])].into(), |_| false)
}
