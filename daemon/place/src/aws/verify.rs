//! Asks AWS whether the role may do what it needs and not what must be refused: by IAM's simulation, for EC2, IAM and
//! load balancers, and by the dry run of a launch.
//!
//! Neither covers the trust policy, which a simulation does not evaluate; policies of the organization, unless the
//! simulation includes them; and the time that changes take to propagate.

use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, HttpTokensState, IamInstanceProfileSpecification,
    InstanceMetadataOptionsRequest, InstanceNetworkInterfaceSpecification, InstanceType, ResourceType, Tag,
    TagSpecification,
};
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};
use ringfence_policy::aws::{CrossAccount, Grant, Key, Request, STACK_TAG, attempts, needed_calls};

use super::account::{AwsAccount, AwsError, failed};

/// One check and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it is.
    pub what: String,
    /// The grant that it needs.
    pub grant: Option<Grant>,
    /// Whether it must be allowed.
    pub must: bool,
    /// Whether it is.
    pub is: bool,
    /// The elementary check that decided, if the result is wrong.
    pub because: Option<String>,
}

impl Verified {
    /// Whether the result is as it must be.
    pub fn is_right(&self) -> bool {
        self.must == self.is
    }
}

impl AwsAccount {
    /// Checks everything that is needed, and everything that must be refused. Calls `told` with each result. Fails if
    /// AWS refuses the simulation: the caller needs `iam:SimulatePrincipalPolicy` on the role.
    pub async fn verify(
        &self,
        request: &CrossAccount,
        role_arn: &str,
        mut told: impl FnMut(&Verified),
    ) -> Result<Vec<Verified>, AwsError> {
        let mut all = Vec::new();
        let mut note = |verified: Verified| {
            told(&verified);
            all.push(verified);
        };
        for call in needed_calls(request) {
            let refused = self.simulate_all(role_arn, &call.checks).await?;
            let refused = refused.map(|check| format!("{} on {}", check.action, check.resource));
            let (what, is) = (call.what.to_owned(), refused.is_none());
            note(Verified { what, grant: call.grant, must: true, is, because: refused });
        }
        let on = |grant| request.grants.contains(&grant);
        // The documentation of this grant states what it allows.
        let attempts = attempts(request).into_iter().filter(|one| one.name != "change_user_data" || !on(Grant::Resize));
        for attempt in attempts {
            let mut is = false;
            for way in &attempt.ways {
                is |= self.simulate_all(role_arn, way).await?.is_none();
            }
            let because = is.then(|| attempt.fix.to_owned());
            note(Verified { what: attempt.what.to_owned(), grant: None, must: false, is, because });
        }
        Ok(all)
    }

    /// The first of these checks that AWS would refuse to a role.
    async fn simulate_all<'a>(&self, role_arn: &str, checks: &'a [Request]) -> Result<Option<&'a Request>, AwsError> {
        for check in checks {
            if !self.simulate(role_arn, check).await? {
                return Ok(Some(check));
            }
        }
        Ok(None)
    }

    /// Whether AWS would allow an elementary check to a role.
    async fn simulate(&self, role_arn: &str, check: &Request) -> Result<bool, AwsError> {
        let mut call = self.iam.simulate_principal_policy().policy_source_arn(role_arn).action_names(&check.action);
        if check.resource != "*" {
            // A simulation needs a plausible resource, and new ones have no id yet.
            call = call.resource_arns(check.resource.replace("/*", "/new"));
        }
        for (key, value) in &check.keys {
            let Key::Is(values) = value else { continue };
            let kind = match key.as_str() {
                "ec2:encrypted" | "ec2:associatepublicipaddress" => ContextKeyTypeEnum::Boolean,
                "aws:tagkeys" | "elasticloadbalancing:securitygroup" | "elasticloadbalancing:subnet" => {
                    ContextKeyTypeEnum::StringList
                }
                _ => ContextKeyTypeEnum::String,
            };
            let entry = ContextEntry::builder()
                .context_key_name(key)
                .set_context_key_values(Some(values.clone()))
                .context_key_type(kind);
            call = call.context_entries(entry.build());
        }
        let answer = call.send().await.map_err(failed("iam:SimulatePrincipalPolicy"))?;
        let results = answer.evaluation_results.unwrap_or_default();
        Ok(!results.is_empty()
            && results.iter().all(|result| *result.eval_decision() == PolicyEvaluationDecisionType::Allowed))
    }

    /// Asks EC2 by a dry run whether a launch of this image with this instance type would be allowed. The caller must
    /// be the role itself.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html> (`DryRun`).
    pub async fn ask_launch(
        &self,
        request: &CrossAccount,
        image: &str,
        instance_type: &str,
    ) -> Result<Verified, AwsError> {
        let answer = self.ec2.describe_images().image_ids(image).send().await.map_err(failed("ec2:DescribeImages"))?;
        // The first disk is the image's own. One by another name would be a second disk, and the first not encrypted.
        let root = answer.images().first().and_then(|image| image.root_device_name()).unwrap_or("/dev/xvda");
        let tags: Vec<Tag> = [
            ("Name", "ringfence-verify"),
            (STACK_TAG, request.stack.as_str()),
            ("ringfence:cluster", "verify"),
            ("ringfence:group", "verify"),
            ("ringfence:node", "verify"),
        ]
        .iter()
        .map(|(key, value)| Tag::builder().key(*key).value(*value).build())
        .collect();
        let tagged = |kind| TagSpecification::builder().resource_type(kind).set_tags(Some(tags.clone())).build();
        let groups = request.security_groups.iter().map(ToString::to_string).collect();
        let interface = InstanceNetworkInterfaceSpecification::builder()
            .device_index(0)
            .set_subnet_id(request.subnets.first().map(ToString::to_string))
            .set_groups(Some(groups))
            .associate_public_ip_address(false);
        let disk = EbsBlockDevice::builder().encrypted(true).delete_on_termination(true).build();
        let profile = request
            .instance_profiles
            .first()
            .map(|one| IamInstanceProfileSpecification::builder().name(one.profile.bare()).build());
        let options = InstanceMetadataOptionsRequest::builder().http_tokens(HttpTokensState::Required).build();
        let call = self
            .ec2
            .run_instances()
            .dry_run(true)
            .image_id(image)
            .instance_type(InstanceType::from(instance_type))
            .min_count(1)
            .max_count(1)
            .network_interfaces(interface.build())
            .block_device_mappings(BlockDeviceMapping::builder().device_name(root).ebs(disk).build())
            .set_iam_instance_profile(profile)
            .metadata_options(options)
            .tag_specifications(tagged(ResourceType::Instance))
            .tag_specifications(tagged(ResourceType::Volume))
            .tag_specifications(tagged(ResourceType::NetworkInterface));
        let answer = call.send().await.map(drop).map_err(failed("ec2:RunInstances"));
        let what = format!("launch a node from {image} (asked of EC2)");
        match answer {
            Err(error) if error.is("DryRunOperation") => {
                Ok(Verified { what, grant: None, must: true, is: true, because: None })
            }
            Err(error) if error.is_refusal() => {
                Ok(Verified { what, grant: None, must: true, is: false, because: Some(error.text) })
            }
            Err(error) => Err(error),
            Ok(()) => Ok(Verified { what, grant: None, must: true, is: true, because: None }),
        }
    }
}
