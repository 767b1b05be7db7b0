//! `provider::ringfence::aws_cross_account_policy(request)`.

use std::collections::BTreeSet;

use ringfence_policy::aws::PolicyType;
use tfplugin_rs::prelude::*;

use crate::aws::{RenderedModel, cross_account_model, refused};

/// The function.
pub(crate) struct AwsCrossAccountPolicyFunction;

cross_account_model! {
    /// What the policy is for.
    AwsCrossAccountPolicyRequest {
        /// Name of the role that gets this policy, after its path: lets `ringfenced verify aws` ask AWS what the role
        /// may do.
        #[tf(optional, validate = check(ringfence_policy::aws::RoleName::parse))]
        control_role_name: Value<String>,
    }
}

#[derive(Arguments)]
pub(crate) struct AwsCrossAccountPolicyArguments {
    /// What the policy is for.
    request: AwsCrossAccountPolicyRequest,
}

impl Function for AwsCrossAccountPolicyFunction {
    type Arguments = AwsCrossAccountPolicyArguments;
    type Output = RenderedModel;
    const NAME: &'static str = "aws_cross_account_policy";
    const SUMMARY: &'static str = "Policy of the role that ringfence assumes in an AWS account";
    const DESCRIPTION: &'static str = "Returns the policy as `json`, the same in `documents` that fit a managed \
        policy each, and `statements`: for each its `sid`, the `grant` that needs it, and `why`. The request has the \
        attributes of the data source `ringfence_aws_cross_account_policy`. Offline: nothing is asked of AWS.";

    fn call(&self, arguments: AwsCrossAccountPolicyArguments) -> std::result::Result<RenderedModel, FunctionError> {
        let request = arguments.request.request(&arguments.request.control_role_name).request;
        let checked = request.check_that_fits(PolicyType::Managed).map_err(refused)?;
        Ok(RenderedModel::from(&checked.render()))
    }
}
