//! Data source `ringfence_aws_cross_account_policy`.

use std::collections::BTreeSet;

use ringfence_policy::aws::{CrossAccount, CrossAccountRequest, Fault, PolicyType};
use tfplugin_rs::prelude::*;

use crate::aws::{RenderedModel, StatementModel, cross_account_model, not_known, or_report, report};
use crate::ringfence::Ringfence;

/// The data source.
pub(crate) struct AwsCrossAccountPolicy;

cross_account_model! {
    /// The policy of the role that ringfence assumes in an account. Offline: nothing is asked of AWS.
    ///
    /// Each statement is told with the grant that needs it and why, so that a security team can read what it approves.
    AwsCrossAccountPolicyModel {
        /// Name of the role that gets this policy, after its path: lets `ringfenced verify aws` ask AWS what the role
        /// may do.
        #[tf(optional, validate = check(ringfence_policy::aws::RoleName::parse))]
        control_role_name: Value<String>,
        /// The whole document, without white space.
        #[tf(computed)]
        json: Value<String>,
        /// The same in as few documents as fit the limit of a managed policy (6,144 characters) each.
        #[tf(computed)]
        documents: Value<Vec<String>>,
        /// What each statement is for, in the order of the document.
        #[tf(computed)]
        statements: Value<Vec<StatementModel>>,
        /// This request as JSON, as `ringfenced verify aws --request` takes it.
        #[tf(computed)]
        request_json: Value<String>,
    }
}

impl AwsCrossAccountPolicyModel {
    /// The request, when it is known; or what is wrong with it.
    fn checked(&self) -> std::result::Result<Option<CrossAccount>, Vec<Fault>> {
        let request = self.request(&self.control_role_name);
        request.checked(|request| request.check_that_fits(PolicyType::Managed), CrossAccountRequest::faults)
    }
}

const WRONG: &str = "The cross-account policy cannot be made";

impl DataSource for AwsCrossAccountPolicy {
    type Model = AwsCrossAccountPolicyModel;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_aws_cross_account_policy";

    fn validate(&self, config: &AwsCrossAccountPolicyModel, out: &mut Diagnostics) {
        report(WRONG, config.checked().err().unwrap_or_default(), out);
    }

    async fn read(
        &self,
        _: &Context<Ringfence>,
        config: AwsCrossAccountPolicyModel,
    ) -> Result<AwsCrossAccountPolicyModel> {
        let checked = or_report(WRONG, config.checked())?.ok_or_else(|| not_known(WRONG))?;
        let request_json = config.request(&config.control_role_name).request.to_json().into();
        let RenderedModel { json, documents, statements } = RenderedModel::from(&checked.render());
        Ok(AwsCrossAccountPolicyModel { json, documents, statements, request_json, ..config })
    }
}
