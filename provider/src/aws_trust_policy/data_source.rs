//! Data source `ringfence_aws_trust_policy`.

use std::collections::BTreeSet;

use ringfence_policy::aws::{Principal, TrustRequest, check_external_id};
use tfplugin_rs::prelude::*;

use crate::aws::{PartialRequest, RenderedModel, StatementModel, or_report, report, trust_request};
use crate::ringfence::Ringfence;

/// The data source.
pub(crate) struct AwsTrustPolicy;

/// The trust policy of the role that ringfence assumes in an account: exact principals, who must name the external id.
/// Offline: nothing is asked of AWS.
#[derive(Clone, Model)]
pub(crate) struct AwsTrustPolicyModel {
    /// ARNs of the roles or users who may assume the role. They must exist when the policy is written.
    #[tf(required, validate = items(1..=20), validate = each(check(Principal::parse)))]
    principals: Value<BTreeSet<String>>,
    /// External id that they must name: one that was drawn, such as a UUID, and chosen by nobody. It is no secret.
    #[tf(required, validate = check(check_external_id))]
    external_id: Value<String>,
    /// The whole document, without white space.
    #[tf(computed)]
    json: Value<String>,
    /// The same as a list: the document always fits.
    #[tf(computed)]
    documents: Value<Vec<String>>,
    /// What each statement is for, in the order of the document.
    #[tf(computed)]
    statements: Value<Vec<StatementModel>>,
}

const WRONG: &str = "The trust policy cannot be made";

impl AwsTrustPolicyModel {
    fn request(&self) -> PartialRequest<TrustRequest> {
        trust_request(&self.principals, &self.external_id)
    }
}

impl DataSource for AwsTrustPolicy {
    type Model = AwsTrustPolicyModel;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_aws_trust_policy";

    fn validate(&self, config: &AwsTrustPolicyModel, out: &mut Diagnostics) {
        let PartialRequest { request, unknown } = config.request();
        report(WRONG, request.faults(&unknown), out);
    }

    async fn read(&self, _: &Context<Ringfence>, config: AwsTrustPolicyModel) -> Result<AwsTrustPolicyModel> {
        let request = or_report(WRONG, config.request().request.check())?;
        let RenderedModel { json, documents, statements } = RenderedModel::from(&request.render());
        Ok(AwsTrustPolicyModel { json, documents, statements, ..config })
    }
}
