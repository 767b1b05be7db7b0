//! `provider::ringfence::aws_instance_profile_policy(request)`.

use std::collections::BTreeSet;

use tfplugin_rs::prelude::*;

use crate::aws::{RenderedModel, node_role_model, refused};

/// The function.
pub(crate) struct AwsInstanceProfilePolicyFunction;

node_role_model! {
    /// What the policy is for.
    AwsInstanceProfilePolicyRequest {}
}

#[derive(Arguments)]
pub(crate) struct AwsInstanceProfilePolicyArguments {
    /// What the policy is for.
    request: AwsInstanceProfilePolicyRequest,
}

impl Function for AwsInstanceProfilePolicyFunction {
    type Arguments = AwsInstanceProfilePolicyArguments;
    type Output = RenderedModel;
    const NAME: &'static str = "aws_instance_profile_policy";
    const SUMMARY: &'static str = "Policy of the role that nodes have in an AWS account";
    const DESCRIPTION: &'static str = "Returns the policy as `json`, the same in `documents`, and `statements`: for \
        each its `sid`, the `grant` that needs it, and `why`. The request has the attributes of the data source \
        `ringfence_aws_instance_profile_policy`. Offline: nothing is asked of AWS.";

    fn call(&self, arguments: AwsInstanceProfilePolicyArguments) -> std::result::Result<RenderedModel, FunctionError> {
        let checked = arguments.request.request().request.check().map_err(refused)?;
        Ok(RenderedModel::from(&checked.policy()))
    }
}
