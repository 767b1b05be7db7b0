//! `ringfence_aws_cross_account_role`: the role that ringfence assumes in an account, with its two documents.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_place::aws::{AwsAccount, Claim, RoleError, RoleObserved, RoleSpec};
use ringfence_policy::aws::{
    CrossAccount, CrossAccountRequest, Fault, PolicyType, Principal, RoleName, TrustRequest, check_external_id,
};
use tfplugin_rs::prelude::*;

use crate::aws::{
    AwsNameIdentity, account_in, account_of, account_to_make_in, attached, check_same, claim, cross_account_model,
    fault, is_free_tag_key, is_recorded, may_be_made, not_known, or_report, parsed, planned_documents, report,
    same_document, stack_of, stack_to_remove, tags_of, trust_request, warn_of_existing,
};
use crate::ringfence::Ringfence;

/// The resource.
pub(crate) struct AwsCrossAccountRole;

cross_account_model! {
    /// The role that ringfence assumes in an account of AWS: its trust policy, its policy, inline or in managed ones,
    /// and its tags.
    ///
    /// A role of this name that does not carry the stack's tag is left alone until it is imported. What somebody
    /// changes by hand shows in the next plan: documents are compared by what they mean. The description and the
    /// longest session of the role are set when it is made and are yours to change. Only what carries the tag is
    /// destroyed.
    AwsCrossAccountRoleModel {
        /// Name of the role, after its path if it has one, such as `team/ringfence-prod`.
        #[tf(required, validate = check(RoleName::parse), plan = requires_replace())]
        name: Value<String>,
        /// ARNs of the roles or users who may assume the role.
        #[tf(required, validate = items(1..=20), validate = each(check(Principal::parse)))]
        principals: Value<BTreeSet<String>>,
        /// External id that they must name: one that was drawn, such as a UUID. It is no secret.
        #[tf(required, validate = check(check_external_id))]
        external_id: Value<String>,
        /// Where the policy stands: `inline`, whole in the role (at most 10,240 characters), or `managed`, in one or
        /// two managed policies that are named after the role and go with it (6,144 characters each). Default:
        /// `inline`.
        #[tf(optional, validate = one_of(["inline", "managed"]))]
        policy_type: Value<String>,
        /// ARN of a managed policy that bounds what the role may ever do.
        #[tf(optional)]
        permissions_boundary_arn: Value<String>,
        /// Tags besides `ringfence:stack`.
        #[tf(optional, validate = keys(matches("a key that does not begin with ringfence: or aws:", is_free_tag_key)))]
        tags: Value<BTreeMap<String, String>>,
        /// ARN of the role.
        #[tf(computed, plan = keep_state())]
        arn: Value<String>,
        /// What tells the role from another one of the same name.
        #[tf(computed, plan = keep_state())]
        unique_id: Value<String>,
        /// Policy of the role, without white space.
        #[tf(computed)]
        policy_json: Value<String>,
        /// Trust policy of the role, without white space.
        #[tf(computed)]
        trust_policy_json: Value<String>,
        /// What the policy was asked for, as JSON that `ringfenced verify aws --request` takes.
        #[tf(computed)]
        request_json: Value<String>,
        /// Managed policies that somebody has attached to the role by hand; an apply detaches them.
        #[tf(computed)]
        attached_policy_arns: Value<BTreeSet<String>>,
    }
}

const WRONG: &str = "The cross-account role cannot be made";

impl AwsCrossAccountRoleModel {
    /// What is asked for, when it is known; or what is wrong with it.
    fn checked(&self, policy_type: PolicyType) -> std::result::Result<Option<CrossAccount>, Vec<Fault>> {
        let check = |request: &CrossAccountRequest| {
            if self.policy_type.is_unknown() { request.check() } else { request.check_that_fits(policy_type) }
        };
        // Here the role is named by `name`.
        let named = |fault: Fault| match fault.attribute {
            "control_role_name" => Fault { attribute: "name", ..fault },
            _ => fault,
        };
        let checked = self.request(&self.name).checked(check, CrossAccountRequest::faults);
        checked.map_err(|faults| faults.into_iter().map(named).collect())
    }

    /// What the role should be, when everything is known; or what is wrong.
    fn spec(&self) -> std::result::Result<Option<RoleSpec>, Vec<Fault>> {
        let policy_type =
            if self.policy_type.as_str() == Some("managed") { PolicyType::Managed } else { PolicyType::Inline };
        let checked = self.checked(policy_type)?;
        let trust =
            trust_request(&self.principals, &self.external_id).checked(TrustRequest::check, TrustRequest::faults)?;
        let (Some(checked), Some(trust)) = (checked, trust) else { return Ok(None) };
        let Some(name) = &checked.control_role else { return Ok(None) };
        if self.tags.is_unknown() || self.permissions_boundary_arn.is_unknown() || self.policy_type.is_unknown() {
            return Ok(None);
        }
        Ok(Some(RoleSpec {
            name: name.clone(),
            stack: checked.stack.clone(),
            description: format!("Assumed by ringfence for the stack {}", checked.stack),
            trust: trust.render().document,
            policy: checked.render().document,
            policy_type,
            boundary_arn: self.permissions_boundary_arn.as_str().map(str::to_owned),
            tags: self.tags.known().cloned().unwrap_or_default(),
        }))
    }

    fn known_spec(&self) -> Result<RoleSpec> {
        or_report(WRONG, self.spec())?.ok_or_else(|| not_known(WRONG))
    }

    /// The request as JSON, when all of it is known.
    fn request_json(&self) -> Value<String> {
        self.request(&self.name).whole().map_or(Value::Unknown, |request| request.to_json().into())
    }

    fn seen(self, observed: &RoleObserved) -> Self {
        // What was just imported was asked for nothing yet.
        let request_json = if self.region.is_null() { Value::Null } else { self.request_json() };
        Self {
            request_json,
            arn: observed.arn.as_str().into(),
            unique_id: observed.unique_id.as_str().into(),
            account_id: if self.account_id.is_null() { account_in(&observed.arn) } else { self.account_id },
            stack: stack_of(&self.stack, self.region.is_null(), observed.all_tags()),
            policy_json: same_document(&self.policy_json, observed.policy.as_ref()),
            trust_policy_json: same_document(&self.trust_policy_json, Some(&observed.trust)),
            attached_policy_arns: attached(observed),
            policy_type: match (observed.policy_type(), self.policy_type.as_str()) {
                (PolicyType::Inline, Some("managed")) => "inline".into(),
                (PolicyType::Managed, None | Some("inline")) => "managed".into(),
                _ => self.policy_type,
            },
            permissions_boundary_arn: observed.boundary_arn.clone().into(),
            tags: tags_of(&self.tags, observed.all_tags()),
            ..self
        }
    }

    fn fault(&self, error: &RoleError) -> Diagnostics {
        fault(error, AwsCrossAccountRole::NAME, self.name.as_str().unwrap_or_default())
    }

    async fn apply(self, ctx: &ResourceContext<AwsCrossAccountRole>, claim: &Claim) -> Result<Self> {
        let spec = self.known_spec()?;
        let account = account_of(ctx.data(), &self.account_id).await?;
        let made = account.ensure_role(&spec, claim).await;
        match made {
            Ok(made) => Ok(self.applied(&made, &spec)),
            Err(error) => {
                if *claim == Claim::OnlyOurs && may_be_made(&error) {
                    self.remember(ctx, account, &spec).await;
                }
                Err(self.fault(&error))
            }
        }
    }

    /// What a creation has made before it failed: Terraform knows of it, so that it can be destroyed.
    async fn remember(&self, ctx: &ResourceContext<AwsCrossAccountRole>, account: &AwsAccount, spec: &RoleSpec) {
        if let Ok(Some(made)) = account.find_role(&spec.name).await
            && made.is_of(&spec.stack)
        {
            ctx.save(&self.clone().seen(&made));
        }
    }

    /// After an apply: as it was planned, and what only AWS knows.
    fn applied(self, observed: &RoleObserved, spec: &RoleSpec) -> Self {
        let (policy_json, trust_policy_json) = planned_documents(Some(spec));
        Self {
            request_json: self.request_json(),
            arn: observed.arn.as_str().into(),
            unique_id: observed.unique_id.as_str().into(),
            policy_json,
            trust_policy_json,
            attached_policy_arns: BTreeSet::new().into(),
            ..self
        }
    }
}

impl Resource for AwsCrossAccountRole {
    type Model = AwsCrossAccountRoleModel;
    type Identity = AwsNameIdentity;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_aws_cross_account_role";

    fn validate(&self, config: &AwsCrossAccountRoleModel, out: &mut Diagnostics) {
        report(WRONG, config.spec().err().unwrap_or_default(), out);
    }

    async fn modify_plan(&self, ctx: &ResourceContext<Self>, plan: &mut Plan<AwsCrossAccountRoleModel>) -> Result<()> {
        let Some(planned) = &mut plan.planned else { return Ok(()) };
        let prior = plan.prior.as_ref().map(|prior| &prior.account_id);
        let new_in = account_to_make_in(ctx.data(), prior, &planned.account_id).await?;
        let spec = planned.spec().ok().flatten();
        if let (Some(spec), Some(account)) = (&spec, new_in) {
            let there = account.check_role(spec, &Claim::OnlyOurs).await;
            let there = there.map(|there| there.map(|there| there.unique_id));
            warn_of_existing(ctx, ("role", spec.name.as_str(), &spec.stack), &planned.name, there);
        }
        (planned.policy_json, planned.trust_policy_json) = planned_documents(spec.as_ref());
        planned.request_json = planned.request_json();
        planned.attached_policy_arns = BTreeSet::new().into();
        Ok(())
    }

    async fn create(
        &self,
        ctx: &ResourceContext<Self>,
        plan: AwsCrossAccountRoleModel,
    ) -> Result<AwsCrossAccountRoleModel> {
        plan.apply(ctx, &Claim::OnlyOurs).await
    }

    async fn read(
        &self,
        ctx: &ResourceContext<Self>,
        state: AwsCrossAccountRoleModel,
    ) -> Result<Option<AwsCrossAccountRoleModel>> {
        if ctx.data().aws().await.is_none() {
            return Ok(Some(state));
        }
        let account = account_of(ctx.data(), &state.account_id).await?;
        let name = parsed(&state.name, RoleName::parse)?;
        let found = account.find_role(&name).await.map_err(|error| state.fault(&error))?;
        Ok(found.filter(|found| is_recorded(&state.unique_id, &found.unique_id)).map(|found| {
            ctx.data().note_in_state(&found.unique_id);
            state.seen(&found)
        }))
    }

    async fn update(
        &self,
        ctx: &ResourceContext<Self>,
        prior: AwsCrossAccountRoleModel,
        plan: AwsCrossAccountRoleModel,
    ) -> Result<AwsCrossAccountRoleModel> {
        let name = parsed(&prior.name, RoleName::parse)?;
        let there = account_of(ctx.data(), &plan.account_id).await?.find_role(&name).await;
        let there = there.map_err(|error| prior.fault(&error))?;
        check_same(&prior.unique_id, there.map(|there| there.unique_id).as_deref())?;
        plan.apply(ctx, &claim(&prior.stack, prior.region.is_null())).await
    }

    async fn delete(&self, ctx: &ResourceContext<Self>, state: AwsCrossAccountRoleModel) -> Result<()> {
        let name = parsed(&state.name, RoleName::parse)?;
        let stack = stack_to_remove(&state.stack, &state.arn)?;
        let removed =
            account_of(ctx.data(), &state.account_id).await?.remove_role(&name, state.unique_id.as_str(), &stack).await;
        removed.map_err(|error| state.fault(&error))
    }

    fn identity(&self, state: &AwsCrossAccountRoleModel) -> Option<AwsNameIdentity> {
        AwsNameIdentity::of(state.arn.as_str()?, &state.name)
    }

    async fn import_identity(
        &self,
        _: &ResourceContext<Self>,
        identity: AwsNameIdentity,
    ) -> Result<AwsCrossAccountRoleModel> {
        let AwsNameIdentity { account_id, name } = identity;
        Ok(AwsCrossAccountRoleModel { account_id, name, ..AwsCrossAccountRoleModel::default() })
    }

    /// The name of the role, after its path. What it was made for is not told by AWS, so the first apply writes its
    /// documents.
    async fn import(&self, _: &ResourceContext<Self>, id: &str) -> Result<AwsCrossAccountRoleModel> {
        let name = id.into();
        parsed(&name, RoleName::parse)?;
        Ok(AwsCrossAccountRoleModel { name, ..AwsCrossAccountRoleModel::default() })
    }
}
