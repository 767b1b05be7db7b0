//! Data source `ringfence_aws_verification`.

use std::collections::BTreeSet;

use ringfence_place::aws::Verified;
use tfplugin_rs::prelude::*;

use crate::aws::{PartialRequest, account, call_failed, cross_account_model, or_report, report};
use crate::ringfence::Ringfence;

/// The data source.
pub(crate) struct AwsVerification;

cross_account_model! {
    /// Asks AWS itself, by simulation, whether the cross-account role may do what ringfence needs and may not do what
    /// must be refused. Whoever runs Terraform, or the role that the provider assumes, needs
    /// `iam:SimulatePrincipalPolicy` on the role.
    AwsVerificationModel {
        /// Name of the cross-account role, after its path.
        #[tf(required, validate = check(ringfence_policy::aws::RoleName::parse))]
        control_role_name: Value<String>,
        /// Whether everything is as it must be.
        #[tf(computed)]
        passed: Value<bool>,
        /// What was asked, and what AWS said.
        #[tf(computed)]
        results: Value<Vec<VerifiedModel>>,
    }
}

/// One thing that was asked.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct VerifiedModel {
    /// What it is.
    #[tf(computed)]
    what: Value<String>,
    /// Grant that it needs; null when it is always needed or must be refused.
    #[tf(computed)]
    grant: Value<String>,
    /// Whether it must be allowed.
    #[tf(computed)]
    must: Value<bool>,
    /// Whether it is.
    #[tf(computed)]
    is: Value<bool>,
    /// Check that decided, when it is not as it must be.
    #[tf(computed)]
    because: Value<String>,
}

impl From<&Verified> for VerifiedModel {
    fn from(verified: &Verified) -> Self {
        Self {
            what: verified.what.as_str().into(),
            grant: verified.grant.map(|grant| grant.as_str().to_owned()).into(),
            must: verified.must.into(),
            is: verified.is.into(),
            because: verified.because.clone().into(),
        }
    }
}

const WRONG: &str = "The cross-account role cannot be verified";

impl DataSource for AwsVerification {
    type Model = AwsVerificationModel;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_aws_verification";

    fn validate(&self, config: &AwsVerificationModel, out: &mut Diagnostics) {
        let PartialRequest { request, unknown } = config.request(&config.control_role_name);
        report(WRONG, request.faults(&unknown), out);
    }

    async fn read(&self, ctx: &Context<Ringfence>, config: AwsVerificationModel) -> Result<AwsVerificationModel> {
        let request = or_report(WRONG, config.request(&config.control_role_name).request.check())?;
        let (partition, number) = (request.partition, &request.account);
        let arn =
            format!("arn:{partition}:iam::{number}:role/{}", config.control_role_name.as_str().unwrap_or_default());
        let verified = account(ctx.data()).await?.verify(&request, &arn, |_| ()).await;
        let right = "Whom the provider calls as needs this right on the role that is verified; that role itself need \
            not have it";
        let verified = verified.map_err(|error| call_failed(&error, right))?;
        for wrong in verified.iter().filter(|one| !one.is_right()) {
            let (must, is) = if wrong.must { ("needed", "refuses") } else { ("to be refused", "allows") };
            let because = wrong.because.clone().unwrap_or_default();
            ctx.warn(
                Diagnostic::warning(format!("AWS {is} what is {must}: {}", wrong.what)).detail(format!("{because}.")),
            );
        }
        let results: Vec<VerifiedModel> = verified.iter().map(VerifiedModel::from).collect();
        let passed = verified.iter().all(Verified::is_right).into();
        Ok(AwsVerificationModel { passed, results: results.into(), ..config })
    }
}
