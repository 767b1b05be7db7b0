//! `ringfence_aws_instance_profile`: what nodes wear, and the role in it.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_cloud::aws::{Claim, PolicyType, ProfileName, RoleName, RoleObserved, RoleSpec, StackName};
use tfplugin_rs::prelude::*;

use crate::aws::{
    Fault, account, account_of, as_state, attached, check_account, fault, node_role_model, report, same_document,
};
use crate::ringfence::Ringfence;

/// The resource.
pub(crate) struct AwsInstanceProfile;

node_role_model! {
    /// The instance profile that nodes wear, and the role in it with its policy as one inline document.
    ///
    /// A profile or role of this name that does not carry the stack's tag is left alone. What somebody changes by hand shows
    /// in the next plan: documents are compared by what they mean.
    AwsInstanceProfileModel {
        /// Name of the instance profile, after its path if it has one, such as `team/ringfence-node`.
        #[tf(required, validate = check(ProfileName::parse), plan = requires_replace())]
        name: Value<String>,
        /// Name of the role in it, likewise. Default: the profile's.
        #[tf(optional, computed, validate = check(RoleName::parse), plan = requires_replace())]
        role_name: Value<String>,
        /// ARN of a managed policy that bounds what the role may ever do, such as one with the `boundary_json` of the data source
        /// `ringfence_aws_instance_profile_policy`.
        #[tf(optional)]
        permissions_boundary_arn: Value<String>,
        /// Tags besides `ringfence:stack`, of both.
        #[tf(optional, validate = keys(matches("not begin with ringfence:", |key| !key.starts_with("ringfence:"))))]
        tags: Value<BTreeMap<String, String>>,
        /// ARN of the instance profile.
        #[tf(computed, plan = keep_state())]
        arn: Value<String>,
        /// ARN of the role.
        #[tf(computed, plan = keep_state())]
        role_arn: Value<String>,
        /// Policy of the role, without white space.
        #[tf(computed)]
        policy_json: Value<String>,
        /// Trust policy of the role, without white space.
        #[tf(computed)]
        trust_policy_json: Value<String>,
        /// Managed policies that somebody has attached to the role by hand; an apply detaches them.
        #[tf(computed)]
        attached_policy_arns: Value<BTreeSet<String>>,
    }
}

/// What tells an instance profile from all others.
#[derive(Clone, Model)]
pub(crate) struct AwsInstanceProfileIdentity {
    /// Number of the account.
    #[tf(required)]
    account_id: Value<String>,
    /// Name of the instance profile, after its path.
    #[tf(required)]
    name: Value<String>,
}

const WRONG: &str = "The instance profile cannot be made";

/// What the two should be.
struct Spec {
    profile: ProfileName,
    role: RoleSpec,
}

impl AwsInstanceProfileModel {
    /// The role: as named, else like the profile.
    fn role(&self) -> Option<&str> {
        if self.role_name.is_unknown() { self.name.as_str() } else { self.role_name.as_str().or(self.name.as_str()) }
    }

    /// What the two should be, when everything is known; or what is wrong.
    fn spec(&self) -> std::result::Result<Option<Spec>, Vec<Fault>> {
        let inputs = self.inputs();
        let request = inputs.request()?;
        let known = inputs.is_known() && !self.tags.is_unknown() && self.name.is_known();
        if !known || self.permissions_boundary_arn.is_unknown() {
            return Ok(None);
        }
        let profile = ProfileName::parse(self.name.as_str().unwrap_or_default());
        let role = RoleName::parse(self.role().unwrap_or_default());
        let role = RoleSpec {
            name: role.map_err(|error| vec![("role_name", error.to_string())])?,
            stack: request.stack.clone(),
            description: format!("Worn by the nodes of the stack {}", request.stack),
            trust: request.trust().document,
            policy: request.policy().document,
            policy_type: PolicyType::Inline,
            boundary_arn: self.permissions_boundary_arn.as_str().map(str::to_owned),
            tags: self.tags.known().cloned().unwrap_or_default(),
        };
        Ok(Some(Spec { profile: profile.map_err(|error| vec![("name", error.to_string())])?, role }))
    }

    fn known_spec(&self) -> Result<Spec> {
        match self.spec() {
            Ok(Some(spec)) => Ok(spec),
            Ok(None) => Err(Diagnostic::error(WRONG).detail("Not everything about it is known.").into()),
            Err(faults) => {
                let mut out = Diagnostics::new();
                report(WRONG, faults, &mut out);
                Err(out)
            }
        }
    }

    fn seen(self, arn: &str, role_name: Value<String>, observed: Option<&RoleObserved>) -> Self {
        let Some(observed) = observed else {
            // The profile without its role: everything of the role is to be made again.
            return Self {
                arn: arn.into(),
                role_arn: "".into(),
                policy_json: "".into(),
                trust_policy_json: "".into(),
                ..self
            };
        };
        Self {
            arn: arn.into(),
            role_arn: observed.arn.as_str().into(),
            policy_json: same_document(&self.policy_json, observed.policy.as_ref()),
            trust_policy_json: same_document(&self.trust_policy_json, Some(&observed.trust)),
            attached_policy_arns: attached(observed),
            permissions_boundary_arn: observed.boundary_arn.clone().into(),
            tags: as_state(&self.tags, &observed.tags),
            role_name,
            ..self
        }
    }

    async fn apply(self, ctx: &ResourceContext<AwsInstanceProfile>, claim: Claim) -> Result<Self> {
        let Spec { profile, role } = self.known_spec()?;
        let account = account_of(ctx.data(), &self.account_id).await?;
        let failed = |error| fault(&error, AwsInstanceProfile::NAME);
        let made = account.ensure_role(&role, claim).await.map_err(failed)?;
        let worn = account.ensure_instance_profile(&profile, &role.name, &role.stack, &role.tags, claim).await;
        let worn = worn.map_err(failed)?;
        Ok(Self {
            arn: worn.arn.into(),
            role_arn: made.arn.into(),
            role_name: role.name.as_str().into(),
            policy_json: role.policy.minified().into(),
            trust_policy_json: role.trust.minified().into(),
            attached_policy_arns: BTreeSet::new().into(),
            ..self
        })
    }
}

impl Resource for AwsInstanceProfile {
    type Model = AwsInstanceProfileModel;
    type Identity = AwsInstanceProfileIdentity;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_aws_instance_profile";

    fn validate(&self, config: &AwsInstanceProfileModel, out: &mut Diagnostics) {
        report(WRONG, config.spec().err().unwrap_or_default(), out);
    }

    async fn modify_plan(&self, ctx: &ResourceContext<Self>, plan: &mut Plan<AwsInstanceProfileModel>) -> Result<()> {
        let prior_role = plan.prior.as_ref().map(|prior| prior.role_arn.clone());
        let is_create = plan.is_create();
        let Some(planned) = &mut plan.planned else { return Ok(()) };
        if is_create {
            check_account(ctx.data(), &planned.account_id).await?;
        }
        if let Ok(Some(spec)) = planned.spec() {
            planned.role_name = spec.role.name.as_str().into();
            planned.policy_json = spec.role.policy.minified().into();
            planned.trust_policy_json = spec.role.trust.minified().into();
        } else {
            (planned.policy_json, planned.trust_policy_json) = (Value::Unknown, Value::Unknown);
        }
        planned.attached_policy_arns = BTreeSet::new().into();
        if prior_role == Some("".into()) {
            planned.role_arn = Value::Unknown;
        }
        Ok(())
    }

    async fn create(
        &self,
        ctx: &ResourceContext<Self>,
        plan: AwsInstanceProfileModel,
    ) -> Result<AwsInstanceProfileModel> {
        plan.apply(ctx, Claim::OnlyOurs).await
    }

    async fn read(
        &self,
        ctx: &ResourceContext<Self>,
        state: AwsInstanceProfileModel,
    ) -> Result<Option<AwsInstanceProfileModel>> {
        let Some(account) = ctx.data().aws().await else { return Ok(Some(state)) };
        let invalid = |error: ringfence_cloud::aws::AwsNameError| {
            Diagnostic::error("A name cannot be used").detail(format!("{error}."))
        };
        let failed = |error| fault(&error, Self::NAME);
        let profile = ProfileName::parse(state.name.as_str().unwrap_or_default()).map_err(invalid)?;
        let Some(worn) = account.find_instance_profile(&profile).await.map_err(failed)? else { return Ok(None) };
        // Of an imported one the role is what is in it.
        let role_name: Value<String> = match (state.role(), worn.roles.first()) {
            (_, Some(role)) if state.role_name.is_null() => role.as_str().into(),
            (Some(role), _) => role.into(),
            (None, _) => Value::Null,
        };
        let role = RoleName::parse(role_name.as_str().unwrap_or_default()).map_err(invalid)?;
        let found = account.find_role(&role).await.map_err(failed)?;
        let bare = role.as_str().rsplit('/').next().unwrap_or_default();
        let found = found.filter(|_| worn.roles.iter().any(|worn| worn == bare));
        // What is worn has no path; the role's own ARN has.
        let whole = found.as_ref().and_then(|found| found.arn.split_once(":role/")).map(|(_, name)| name.to_owned());
        let role_name = if state.role_name.is_null() { whole.map_or(role_name, Value::from) } else { role_name };
        Ok(Some(state.seen(&worn.arn, role_name, found.as_ref())))
    }

    async fn update(
        &self,
        ctx: &ResourceContext<Self>,
        _: AwsInstanceProfileModel,
        plan: AwsInstanceProfileModel,
    ) -> Result<AwsInstanceProfileModel> {
        plan.apply(ctx, Claim::Imported).await
    }

    async fn delete(&self, ctx: &ResourceContext<Self>, state: AwsInstanceProfileModel) -> Result<()> {
        let (Some(name), Some(stack)) = (state.name.as_str(), state.stack.as_str()) else { return Ok(()) };
        let invalid = |error: ringfence_cloud::aws::AwsNameError| Diagnostic::error(error.to_string());
        let role = RoleName::parse(state.role().unwrap_or_default()).map_err(invalid)?;
        let (profile, stack) = (ProfileName::parse(name).map_err(invalid)?, StackName::parse(stack).map_err(invalid)?);
        let account = account(ctx.data()).await?;
        let failed = |error| fault(&error, Self::NAME);
        account.remove_instance_profile(&profile, &stack).await.map_err(failed)?;
        account.remove_role(&role, &stack).await.map_err(failed)
    }

    fn identity(&self, state: &AwsInstanceProfileModel) -> Option<AwsInstanceProfileIdentity> {
        let account_id = state.arn.as_str()?.split(':').nth(4)?.to_owned().into();
        Some(AwsInstanceProfileIdentity { account_id, name: state.name.clone() })
            .filter(|identity| identity.name.is_known())
    }

    async fn import_identity(
        &self,
        _: &ResourceContext<Self>,
        identity: AwsInstanceProfileIdentity,
    ) -> Result<AwsInstanceProfileModel> {
        Ok(AwsInstanceProfileModel { name: identity.name, ..AwsInstanceProfileModel::default() })
    }

    /// The name of the instance profile, after its path. What it was made for is not told by AWS, so the first apply writes the
    /// documents.
    async fn import(&self, _: &ResourceContext<Self>, id: &str) -> Result<AwsInstanceProfileModel> {
        ProfileName::parse(id)
            .map_err(|error| Diagnostic::error("This is no name of an instance profile").detail(format!("{error}.")))?;
        Ok(AwsInstanceProfileModel { name: id.into(), ..AwsInstanceProfileModel::default() })
    }
}
