//! `provider::ringfence::aws_trust_policy(principals, external_id)`.

use std::collections::BTreeSet;

use ringfence_policy::aws::TrustRequest;
use tfplugin_rs::prelude::*;

use crate::aws::RenderedModel;

/// The function.
pub(crate) struct AwsTrustPolicyFunction;

#[derive(Arguments)]
pub(crate) struct AwsTrustPolicyArguments {
    /// ARNs of the roles or users who may assume the role.
    principals: BTreeSet<String>,
    /// External id that they must name: one that was drawn, such as a UUID.
    external_id: String,
}

impl Function for AwsTrustPolicyFunction {
    type Arguments = AwsTrustPolicyArguments;
    type Output = RenderedModel;
    const NAME: &'static str = "aws_trust_policy";
    const SUMMARY: &'static str = "Trust policy of the role that ringfence assumes in an AWS account";
    const DESCRIPTION: &'static str = "Returns the policy as `json`, the same in `documents`, and `statements`: for \
        each its `sid`, its `grant` (`base`), and `why`. Offline: nothing is asked of AWS.";

    fn call(&self, arguments: AwsTrustPolicyArguments) -> std::result::Result<RenderedModel, FunctionError> {
        let AwsTrustPolicyArguments { principals, external_id } = arguments;
        let request = TrustRequest { principals: Some(principals), external_id: Some(external_id) };
        request.check().map(|checked| RenderedModel::from(&checked.render())).map_err(|faults| match faults.first() {
            Some(fault) => {
                FunctionError::new(fault.problem.clone()).argument(usize::from(fault.attribute == "external_id"))
            }
            None => FunctionError::new("it cannot be used"),
        })
    }
}
