//! `provider::ringfence::aws_trust_policy(principals, external_id)`.

use std::collections::BTreeSet;

use tfplugin_rs::prelude::*;

use crate::aws::{RenderedModel, TrustInputs};

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
    const DESCRIPTION: &'static str = "Returns the policy as `json`, the same in `documents`, and `statements`: for each its `sid`, \
        its `grant` (`base`), and `why`. Offline: nothing is asked of AWS.";

    fn call(&self, arguments: AwsTrustPolicyArguments) -> std::result::Result<RenderedModel, FunctionError> {
        let (principals, external_id) = (arguments.principals.into(), arguments.external_id.into());
        let request = TrustInputs { principals: &principals, external_id: &external_id }.request();
        request.map(|request| RenderedModel::from(&request.render())).map_err(|faults| {
            let (attribute, rule) = faults.into_iter().next().unwrap_or_default();
            FunctionError::new(rule).argument(usize::from(attribute == "external_id"))
        })
    }
}
