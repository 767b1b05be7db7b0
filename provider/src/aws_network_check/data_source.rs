//! Data source `ringfence_aws_network_check`.

use std::collections::BTreeSet;

use ringfence_policy::aws::{NETWORK_CHECKS, SecurityGroupId, SubnetId, VpcId, network_findings};
use tfplugin_rs::prelude::*;

use crate::aws::{account, call_failed, capital, invalid};
use crate::ringfence::Ringfence;

/// The data source.
pub(crate) struct AwsNetworkCheck;

/// Early warnings about a network in AWS: why nodes in it would not come up, or would not be reached. Whoever runs
/// Terraform, or the role that the provider assumes, needs the calls of the grant `network_checks`.
#[derive(Clone, Model)]
pub(crate) struct AwsNetworkCheckModel {
    /// VPC.
    #[tf(required, validate = check(VpcId::parse))]
    vpc_id: Value<String>,
    /// Subnets that nodes are to be in.
    #[tf(required, validate = items(1..=100), validate = each(check(SubnetId::parse)))]
    subnet_ids: Value<BTreeSet<String>>,
    /// Security groups that nodes are to be in.
    #[tf(required, validate = items(1..=16), validate = each(check(SecurityGroupId::parse)))]
    security_group_ids: Value<BTreeSet<String>>,
    /// Checks whose findings are none, by their names, such as `port_80` where no certificate is signed publicly.
    #[tf(optional, validate = each(one_of(NETWORK_CHECKS)))]
    ignore: Value<BTreeSet<String>>,
    /// What findings are: `warning`, or `error`, which fails the plan. Default: `warning`.
    #[tf(optional, validate = one_of(["warning", "error"]))]
    severity: Value<String>,
    /// What is not as nodes need it.
    #[tf(computed)]
    findings: Value<Vec<FindingModel>>,
}

/// Something that is not as nodes need it.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct FindingModel {
    /// Check: `dns_support`, `dns_hostnames`, `subnet_vpc`, `internet_route`, `ephemeral_ports`, `port_80_acl`,
    /// `security_group_vpc`, `self_reference`, `port_80`, `port_443` or `vpc_endpoint`.
    #[tf(computed)]
    check: Value<String>,
    /// Id of what it is about.
    #[tf(computed)]
    subject: Value<String>,
    /// What is wrong, and what comes of it.
    #[tf(computed)]
    what: Value<String>,
    /// What to do.
    #[tf(computed)]
    fix: Value<String>,
}

impl DataSource for AwsNetworkCheck {
    type Model = AwsNetworkCheckModel;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_aws_network_check";

    async fn read(&self, ctx: &Context<Ringfence>, config: AwsNetworkCheckModel) -> Result<AwsNetworkCheckModel> {
        let vpc = VpcId::parse(config.vpc_id.as_str().unwrap_or_default()).map_err(|error| invalid(&error))?;
        let texts = |value: &Value<BTreeSet<String>>| value.known().cloned().unwrap_or_default();
        let subnets =
            texts(&config.subnet_ids).iter().map(|text| SubnetId::parse(text)).collect::<std::result::Result<_, _>>();
        let groups = texts(&config.security_group_ids)
            .iter()
            .map(|text| SecurityGroupId::parse(text))
            .collect::<std::result::Result<_, _>>();
        let account = account(ctx.data()).await?;
        let seen = account
            .describe_network(
                &vpc,
                &subnets.map_err(|error| invalid(&error))?,
                &groups.map_err(|error| invalid(&error))?,
            )
            .await;
        let right =
            "Whom the provider calls as needs this right: the cross-account role has it with the grant network_checks";
        let seen = seen.map_err(|error| call_failed(&error, right))?;
        let ignored = texts(&config.ignore);
        let found: Vec<_> = network_findings(&seen).into_iter().filter(|one| !ignored.contains(one.check)).collect();
        let mut errors = Diagnostics::new();
        for finding in &found {
            let (summary, detail) = (
                format!("{}: {}", finding.subject, finding.check),
                format!("{}. {}.", finding.what, capital(finding.fix)),
            );
            if config.severity.as_str() == Some("error") {
                errors.push(Diagnostic::error(summary).detail(detail));
            } else {
                ctx.warn(Diagnostic::warning(summary).detail(detail));
            }
        }
        if errors.iter().next().is_some() {
            return Err(errors);
        }
        let found: Vec<FindingModel> = found
            .into_iter()
            .map(|finding| FindingModel {
                check: finding.check.into(),
                subject: finding.subject.into(),
                what: finding.what.into(),
                fix: finding.fix.into(),
            })
            .collect();
        Ok(AwsNetworkCheckModel { findings: found.into(), ..config })
    }
}
