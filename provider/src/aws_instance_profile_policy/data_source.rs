//! Data source `ringfence_aws_instance_profile_policy`.

use std::collections::BTreeSet;

use tfplugin_rs::prelude::*;

use crate::aws::{PartialRequest, RenderedModel, StatementModel, node_role_model, or_report, report};
use crate::ringfence::Ringfence;

/// The data source.
pub(crate) struct AwsInstanceProfilePolicy;

node_role_model! {
    /// The policy of the role that nodes have through their instance profile, and the most that it can ever be given.
    /// Offline: nothing is asked of AWS.
    AwsInstanceProfilePolicyModel {
        /// The whole document, without white space.
        #[tf(computed)]
        json: Value<String>,
        /// The same as a list: the document always fits one managed policy.
        #[tf(computed)]
        documents: Value<Vec<String>>,
        /// What each statement is for, in the order of the document.
        #[tf(computed)]
        statements: Value<Vec<StatementModel>>,
        /// Permissions boundary for the same grants: what the role may have at most, whatever is attached to it later.
        #[tf(computed)]
        boundary_json: Value<String>,
        /// Trust policy of the role: EC2, and nobody else.
        #[tf(computed)]
        trust_json: Value<String>,
    }
}

const WRONG: &str = "The instance profile policy cannot be made";

impl DataSource for AwsInstanceProfilePolicy {
    type Model = AwsInstanceProfilePolicyModel;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_aws_instance_profile_policy";

    fn validate(&self, config: &AwsInstanceProfilePolicyModel, out: &mut Diagnostics) {
        let PartialRequest { request, unknown } = config.request();
        report(WRONG, request.faults(&unknown), out);
    }

    async fn read(
        &self,
        _: &Context<Ringfence>,
        config: AwsInstanceProfilePolicyModel,
    ) -> Result<AwsInstanceProfilePolicyModel> {
        let request = or_report(WRONG, config.request().request.check())?;
        let RenderedModel { json, documents, statements } = RenderedModel::from(&request.policy());
        let boundary_json = request.boundary().document.minified().into();
        let trust_json = request.trust().document.minified().into();
        Ok(AwsInstanceProfilePolicyModel { json, documents, statements, boundary_json, trust_json, ..config })
    }
}
