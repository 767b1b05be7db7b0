//! `ringfence_aws_instance_profile`: the instance profile of nodes, and the role in it.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_place::aws::{AwsAccount, Claim, ProfileObserved, ProfileSpec, RoleError, RoleObserved, RoleSpec};
use ringfence_policy::aws::{Fault, NodeRoleRequest, PolicyType, ProfileName, RoleName};
use tfplugin_rs::prelude::*;

use crate::aws::{
    AwsNameIdentity, account_in, account_of, account_to_make_in, attached, check_same, claim, fault, invalid,
    is_free_tag_key, is_recorded, may_be_made, node_role_model, not_known, or_report, parsed, planned_documents,
    report, same_document, stack_of, stack_to_remove, tags_of, warn_of_existing,
};
use crate::ringfence::Ringfence;

/// The resource.
pub(crate) struct AwsInstanceProfile;

node_role_model! {
    /// The instance profile of nodes, and the role in it with its policy as one inline document.
    ///
    /// A profile or role of this name that does not carry the stack's tag is left alone until it is imported, and so is
    /// a role that another profile holds. What somebody changes by hand shows in the next plan: documents are compared
    /// by what they mean. The description and the longest session of the role are set when it is made and are yours to
    /// change. Only what carries the tag is destroyed.
    AwsInstanceProfileModel {
        /// Name of the instance profile, after its path if it has one, such as `team/ringfence-node`.
        #[tf(required, validate = check(ProfileName::parse), plan = requires_replace())]
        name: Value<String>,
        /// Name of the role in it, likewise. Default: the profile's.
        #[tf(
            optional,
            computed,
            validate = check(RoleName::parse),
            plan = keep_state(),
            plan = requires_replace_if(|prior: &Value<String>, _: &Value<String>| prior.is_known())
        )]
        role_name: Value<String>,
        /// ARN of a managed policy that bounds what the role may ever do, such as one with the `boundary_json` of the
        /// data source `ringfence_aws_instance_profile_policy`.
        #[tf(optional)]
        permissions_boundary_arn: Value<String>,
        /// Tags besides `ringfence:stack`, of both.
        #[tf(optional, validate = keys(matches("a key that does not begin with ringfence: or aws:", is_free_tag_key)))]
        tags: Value<BTreeMap<String, String>>,
        /// ARN of the instance profile.
        #[tf(computed, plan = keep_state())]
        arn: Value<String>,
        /// What tells the instance profile from another one of the same name.
        #[tf(computed, plan = keep_state())]
        unique_id: Value<String>,
        /// ARN of the role.
        #[tf(computed, plan = keep_state())]
        role_arn: Value<String>,
        /// What tells the role from another one of the same name.
        #[tf(computed, plan = keep_state())]
        role_unique_id: Value<String>,
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

const WRONG: &str = "The instance profile cannot be made";

impl AwsInstanceProfileModel {
    /// The role: as named, else like the profile.
    fn role(&self) -> Option<&str> {
        if self.role_name.is_unknown() { self.name.as_str() } else { self.role_name.as_str().or(self.name.as_str()) }
    }

    /// What the two should be, when everything is known; or what is wrong.
    fn spec(&self) -> std::result::Result<Option<ProfileSpec>, Vec<Fault>> {
        let checked = self.request().checked(NodeRoleRequest::check, NodeRoleRequest::faults)?;
        let Some(request) = checked else { return Ok(None) };
        if self.tags.is_unknown() || !self.name.is_known() || self.permissions_boundary_arn.is_unknown() {
            return Ok(None);
        }
        let profile = ProfileName::parse(self.name.as_str().unwrap_or_default());
        let role = RoleName::parse(self.role().unwrap_or_default());
        let role = RoleSpec {
            name: role.map_err(|error| vec![Fault::new("role_name", error.to_string())])?,
            stack: request.stack.clone(),
            description: format!("Used by the nodes of the stack {}", request.stack),
            trust: request.trust().document,
            policy: request.policy().document,
            policy_type: PolicyType::Inline,
            boundary_arn: self.permissions_boundary_arn.as_str().map(str::to_owned),
            tags: self.tags.known().cloned().unwrap_or_default(),
        };
        Ok(Some(ProfileSpec { name: profile.map_err(|error| vec![Fault::new("name", error.to_string())])?, role }))
    }

    fn known_spec(&self) -> Result<ProfileSpec> {
        or_report(WRONG, self.spec())?.ok_or_else(|| not_known(WRONG))
    }

    fn fault(&self, error: &RoleError) -> Diagnostics {
        fault(error, AwsInstanceProfile::NAME, self.name.as_str().unwrap_or_default())
    }

    /// As the two are. What is not there is `""`, and is to be made again.
    fn seen(self, profile: Option<&ProfileObserved>, role: Option<&RoleObserved>) -> Self {
        let arn = profile.map(|profile| &profile.arn).or(role.map(|role| &role.arn));
        let account_id =
            if self.account_id.is_null() { arn.map_or(Value::Null, |arn| account_in(arn)) } else { self.account_id };
        let tags = || {
            profile.map(|profile| &profile.tags).into_iter().chain(role.into_iter().flat_map(RoleObserved::all_tags))
        };
        let text = |text: Option<&String>| Value::from(text.cloned().unwrap_or_default());
        let trust = role.map(|role| &role.trust);
        Self {
            account_id,
            stack: stack_of(&self.stack, self.region.is_null(), tags()),
            tags: tags_of(&self.tags, tags()),
            arn: text(profile.map(|profile| &profile.arn)),
            unique_id: text(profile.map(|profile| &profile.unique_id)),
            role_arn: text(role.map(|role| &role.arn)),
            role_unique_id: text(role.map(|role| &role.unique_id)),
            policy_json: same_document(&self.policy_json, role.and_then(|role| role.policy.as_ref())),
            trust_policy_json: same_document(&self.trust_policy_json, trust),
            attached_policy_arns: role.map_or(self.attached_policy_arns, attached),
            permissions_boundary_arn: role
                .map_or(self.permissions_boundary_arn, |role| role.boundary_arn.clone().into()),
            ..self
        }
    }

    /// What a creation has made before it failed: Terraform knows of it, so that it can be destroyed.
    async fn remember(&self, ctx: &ResourceContext<AwsInstanceProfile>, account: &AwsAccount, spec: &ProfileSpec) {
        let profile = account.find_instance_profile(&spec.name).await;
        let role = account.find_role(&spec.role.name).await;
        let (Ok(profile), Ok(role)) = (profile, role) else { return };
        let profile = profile.filter(|profile| profile.is_of(&spec.role.stack));
        let role = role.filter(|role| role.is_of(&spec.role.stack));
        if profile.is_some() || role.is_some() {
            let role_name = spec.role.name.as_str().into();
            ctx.save(&Self { role_name, ..self.clone() }.seen(profile.as_ref(), role.as_ref()));
        }
    }

    /// Makes the two be as planned; `prior` is what was there before, if anything was.
    async fn apply(self, ctx: &ResourceContext<AwsInstanceProfile>, prior: Option<&Self>) -> Result<Self> {
        let spec = self.known_spec()?;
        let claim_of = |arn: fn(&Self) -> &Value<String>| match prior {
            None => Claim::OnlyOurs,
            Some(prior) if arn(prior).as_str() != Some("") => claim(&prior.stack, prior.region.is_null()),
            // One that is made again is not known yet.
            Some(prior) if prior.stack == self.stack => Claim::OnlyOurs,
            Some(prior) => prior.stack.as_str().map_or(Claim::OnlyOurs, |stack| Claim::Was(stack.to_owned())),
        };
        let claims = (&claim_of(|model| &model.arn), &claim_of(|model| &model.role_arn));
        let account = account_of(ctx.data(), &self.account_id).await?;
        let (profile, role) = match account.ensure_instance_profile(&spec, claims).await {
            Ok(made) => made,
            Err(error) => {
                if prior.is_none() && may_be_made(&error) {
                    self.remember(ctx, account, &spec).await;
                }
                return Err(self.fault(&error));
            }
        };
        let (policy_json, trust_policy_json) = planned_documents(Some(&spec.role));
        Ok(Self {
            arn: profile.arn.into(),
            unique_id: profile.unique_id.into(),
            role_arn: role.arn.into(),
            role_unique_id: role.unique_id.into(),
            role_name: spec.role.name.as_str().into(),
            policy_json,
            trust_policy_json,
            attached_policy_arns: BTreeSet::new().into(),
            ..self
        })
    }
}

impl Resource for AwsInstanceProfile {
    type Model = AwsInstanceProfileModel;
    type Identity = AwsNameIdentity;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_aws_instance_profile";

    fn validate(&self, config: &AwsInstanceProfileModel, out: &mut Diagnostics) {
        report(WRONG, config.spec().err().unwrap_or_default(), out);
    }

    async fn modify_plan(&self, ctx: &ResourceContext<Self>, plan: &mut Plan<AwsInstanceProfileModel>) -> Result<()> {
        let gone = |arn: fn(&AwsInstanceProfileModel) -> &Value<String>| {
            plan.prior.as_ref().is_some_and(|prior| arn(prior).as_str() == Some(""))
        };
        let (profile_gone, role_gone) = (gone(|prior| &prior.arn), gone(|prior| &prior.role_arn));
        let Some(planned) = &mut plan.planned else { return Ok(()) };
        let prior = plan.prior.as_ref().map(|prior| &prior.account_id);
        let new_in = account_to_make_in(ctx.data(), prior, &planned.account_id).await?;
        let spec = planned.spec().ok().flatten();
        if let (Some(spec), Some(account)) = (&spec, new_in) {
            let (name, role) = (spec.name.as_str(), spec.role.name.as_str());
            let there = account.check_profile(spec, &Claim::OnlyOurs).await;
            let there = there.map(|there| there.map(|there| there.unique_id));
            warn_of_existing(ctx, ("instance profile", name, &spec.role.stack), &planned.name, there);
            let there = account.check_role(&spec.role, &Claim::OnlyOurs).await;
            let there = there.map(|there| there.map(|there| there.unique_id));
            warn_of_existing(ctx, ("role", role, &spec.role.stack), &planned.name, there);
        }
        if let Some(spec) = &spec {
            planned.role_name = spec.role.name.as_str().into();
        }
        (planned.policy_json, planned.trust_policy_json) = planned_documents(spec.as_ref().map(|spec| &spec.role));
        planned.attached_policy_arns = BTreeSet::new().into();
        if profile_gone {
            (planned.arn, planned.unique_id) = (Value::Unknown, Value::Unknown);
        }
        if role_gone {
            (planned.role_arn, planned.role_unique_id) = (Value::Unknown, Value::Unknown);
        }
        Ok(())
    }

    async fn create(
        &self,
        ctx: &ResourceContext<Self>,
        plan: AwsInstanceProfileModel,
    ) -> Result<AwsInstanceProfileModel> {
        plan.apply(ctx, None).await
    }

    async fn read(
        &self,
        ctx: &ResourceContext<Self>,
        state: AwsInstanceProfileModel,
    ) -> Result<Option<AwsInstanceProfileModel>> {
        if ctx.data().aws().await.is_none() {
            return Ok(Some(state));
        }
        let account = account_of(ctx.data(), &state.account_id).await?;
        let failed = |error| state.fault(&error);
        let name = parsed(&state.name, ProfileName::parse)?;
        let profile = account.find_instance_profile(&name).await.map_err(failed)?;
        let profile = profile.filter(|profile| is_recorded(&state.unique_id, &profile.unique_id));
        // Of an imported one the role is what is in it.
        let in_it = profile.as_ref().and_then(|profile| profile.roles.first());
        let Some(role) = state.role_name.as_str().or(in_it.map(String::as_str)) else {
            return Ok(profile.map(|profile| state.seen(Some(&profile), None)));
        };
        let role = RoleName::parse(role).map_err(|error| invalid(&error))?;
        let found = account.find_role(&role).await.map_err(failed)?;
        let found = found.filter(|found| is_recorded(&state.role_unique_id, &found.unique_id));
        // One that is there and was taken out is to be put in again, and is still what is destroyed.
        let taken_out = profile
            .as_ref()
            .filter(|profile| !profile.roles.iter().any(|other| other == role.bare()))
            .and(found.as_ref());
        let taken_out = taken_out.map(|role| role.unique_id.clone());
        let found = found.filter(|_| taken_out.is_none());
        if profile.is_none() && found.is_none() {
            return Ok(None);
        }
        let ids = [profile.as_ref().map(|profile| &profile.unique_id), found.as_ref().map(|found| &found.unique_id)];
        for id in ids.into_iter().flatten().chain(&taken_out) {
            ctx.data().note_in_state(id);
        }
        // What is in the profile has no path; the role's own ARN has.
        let whole = found.as_ref().and_then(|found| found.arn.split_once(":role/")).map(|(_, name)| name.to_owned());
        let role_name = if state.role_name.is_null() { whole.into() } else { state.role_name.clone() };
        let seen = AwsInstanceProfileModel { role_name, ..state }.seen(profile.as_ref(), found.as_ref());
        Ok(Some(match taken_out {
            Some(role_unique_id) => AwsInstanceProfileModel { role_unique_id: role_unique_id.into(), ..seen },
            None => seen,
        }))
    }

    async fn update(
        &self,
        ctx: &ResourceContext<Self>,
        prior: AwsInstanceProfileModel,
        plan: AwsInstanceProfileModel,
    ) -> Result<AwsInstanceProfileModel> {
        let name = parsed(&prior.name, ProfileName::parse)?;
        let role = RoleName::parse(prior.role().unwrap_or_default()).map_err(|error| invalid(&error))?;
        let account = account_of(ctx.data(), &plan.account_id).await?;
        let failed = |error| prior.fault(&error);
        let profile = account.find_instance_profile(&name).await.map_err(failed)?;
        let there = account.find_role(&role).await.map_err(failed)?;
        check_same(&prior.unique_id, profile.map(|profile| profile.unique_id).as_deref())?;
        check_same(&prior.role_unique_id, there.map(|there| there.unique_id).as_deref())?;
        plan.apply(ctx, Some(&prior)).await
    }

    async fn delete(&self, ctx: &ResourceContext<Self>, state: AwsInstanceProfileModel) -> Result<()> {
        let name = parsed(&state.name, ProfileName::parse)?;
        let stack = stack_to_remove(&state.stack, &state.arn)?;
        let account = account_of(ctx.data(), &state.account_id).await?;
        // What is not there has `""` for an id, which no other has.
        let role = state.role_name.as_str().map(RoleName::parse).transpose().map_err(|error| invalid(&error))?;
        let role = role.as_ref().map(|role| (role, state.role_unique_id.as_str()));
        let removed = account.remove_instance_profile((&name, state.unique_id.as_str()), role, &stack).await;
        removed.map_err(|error| state.fault(&error))
    }

    fn identity(&self, state: &AwsInstanceProfileModel) -> Option<AwsNameIdentity> {
        let arn =
            [&state.arn, &state.role_arn].into_iter().filter_map(|arn| arn.as_str()).find(|arn| !arn.is_empty())?;
        AwsNameIdentity::of(arn, &state.name)
    }

    async fn import_identity(
        &self,
        _: &ResourceContext<Self>,
        identity: AwsNameIdentity,
    ) -> Result<AwsInstanceProfileModel> {
        let AwsNameIdentity { account_id, name } = identity;
        Ok(AwsInstanceProfileModel { account_id, name, ..AwsInstanceProfileModel::default() })
    }

    /// The name of the instance profile, after its path. What it was made for is not told by AWS, so the first apply
    /// writes the documents.
    async fn import(&self, _: &ResourceContext<Self>, id: &str) -> Result<AwsInstanceProfileModel> {
        let name = id.into();
        parsed(&name, ProfileName::parse)?;
        Ok(AwsInstanceProfileModel { name, ..AwsInstanceProfileModel::default() })
    }
}
