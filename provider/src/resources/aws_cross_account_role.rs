//! `ringfence_aws_cross_account_role`: the role that ringfence assumes in an account, with its two documents.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_cloud::aws::{
    Claim, PolicyType, Principal, ROLE_LIMIT, RoleName, RoleObserved, RoleSpec, check_external_id,
};
use tfplugin_rs::prelude::*;

use crate::aws::{
    Fault, TrustInputs, account, account_of, as_state, attached, check_account, cross_account_model, fault, report,
    same_document,
};
use crate::ringfence::Ringfence;

/// The resource.
pub(crate) struct AwsCrossAccountRole;

cross_account_model! {
    /// The role that ringfence assumes in an account of AWS: its trust policy, its policy as one inline document, and its tags.
    ///
    /// A role of this name that does not carry the stack's tag is left alone. What somebody changes by hand shows in the next
    /// plan: documents are compared by what they mean.
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
        /// Where the policy stands: `inline`, whole in the role (at most 10,240 characters), or `managed`, in one or two managed
        /// policies that are named after the role and go with it (6,144 characters each). Default: `inline`.
        #[tf(optional, validate = one_of(["inline", "managed"]))]
        policy_type: Value<String>,
        /// ARN of a managed policy that bounds what the role may ever do.
        #[tf(optional)]
        permissions_boundary_arn: Value<String>,
        /// Tags besides `ringfence:stack`.
        #[tf(optional, validate = keys(matches("not begin with ringfence:", |key| !key.starts_with("ringfence:"))))]
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
        /// Managed policies that somebody has attached to the role by hand; an apply detaches them.
        #[tf(computed)]
        attached_policy_arns: Value<BTreeSet<String>>,
    }
}

/// What tells a role from all others.
#[derive(Clone, Model)]
pub(crate) struct AwsRoleIdentity {
    /// Number of the account.
    #[tf(required)]
    account_id: Value<String>,
    /// Name of the role, after its path.
    #[tf(required)]
    name: Value<String>,
}

const WRONG: &str = "The cross-account role cannot be made";

impl AwsCrossAccountRoleModel {
    fn trust(&self) -> TrustInputs<'_> {
        TrustInputs { principals: &self.principals, external_id: &self.external_id }
    }

    /// What the role should be, when everything is known; or what is wrong.
    fn spec(&self) -> std::result::Result<Option<RoleSpec>, Vec<Fault>> {
        let (inputs, trust) = (self.inputs(&self.name), self.trust());
        let (request, trust_request) = (inputs.request()?, trust.request());
        let known = inputs.is_known() && trust.is_known() && !self.tags.is_unknown() && self.name.is_known();
        if !known || self.permissions_boundary_arn.is_unknown() || self.policy_type.is_unknown() {
            return Ok(None);
        }
        let policy = request.render().document;
        let policy_type =
            if self.policy_type.as_str() == Some("managed") { PolicyType::Managed } else { PolicyType::Inline };
        if policy_type == PolicyType::Inline && policy.size() > ROLE_LIMIT {
            let size = policy.size();
            return Err(vec![(
                "grants",
                format!(
                    "the policy has {size} characters, and all inline policies of a role together may have {ROLE_LIMIT}: set \
                     policy_type to managed, drop a grant, or name fewer subnets and security groups"
                ),
            )]);
        }
        let name = RoleName::parse(self.name.as_str().unwrap_or_default());
        Ok(Some(RoleSpec {
            name: name.map_err(|error| vec![("name", error.to_string())])?,
            stack: request.stack.clone(),
            description: format!("Assumed by ringfence for the stack {}", request.stack),
            trust: trust_request?.render().document,
            policy,
            policy_type,
            boundary_arn: self.permissions_boundary_arn.as_str().map(str::to_owned),
            tags: self.tags.known().cloned().unwrap_or_default(),
        }))
    }

    fn known_spec(&self) -> Result<RoleSpec> {
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

    fn seen(self, observed: &RoleObserved) -> Self {
        Self {
            arn: observed.arn.as_str().into(),
            unique_id: observed.unique_id.as_str().into(),
            policy_json: same_document(&self.policy_json, observed.policy.as_ref()),
            trust_policy_json: same_document(&self.trust_policy_json, Some(&observed.trust)),
            attached_policy_arns: attached(observed),
            policy_type: match (observed.managed.is_empty(), self.policy_type.as_str()) {
                (true, Some("managed")) => "inline".into(),
                (false, None | Some("inline")) => "managed".into(),
                _ => self.policy_type,
            },
            permissions_boundary_arn: observed.boundary_arn.clone().into(),
            tags: as_state(&self.tags, &observed.tags),
            ..self
        }
    }

    /// After an apply: as it was planned, and what only AWS knows.
    fn applied(self, observed: &RoleObserved, spec: &RoleSpec) -> Self {
        Self {
            arn: observed.arn.as_str().into(),
            unique_id: observed.unique_id.as_str().into(),
            policy_json: spec.policy.minified().into(),
            trust_policy_json: spec.trust.minified().into(),
            attached_policy_arns: BTreeSet::new().into(),
            ..self
        }
    }
}

impl Resource for AwsCrossAccountRole {
    type Model = AwsCrossAccountRoleModel;
    type Identity = AwsRoleIdentity;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_aws_cross_account_role";

    fn validate(&self, config: &AwsCrossAccountRoleModel, out: &mut Diagnostics) {
        report(WRONG, config.spec().err().unwrap_or_default(), out);
    }

    async fn modify_plan(&self, ctx: &ResourceContext<Self>, plan: &mut Plan<AwsCrossAccountRoleModel>) -> Result<()> {
        let is_create = plan.is_create();
        let Some(planned) = &mut plan.planned else { return Ok(()) };
        if is_create {
            check_account(ctx.data(), &planned.account_id).await?;
        }
        if let Ok(Some(spec)) = planned.spec() {
            planned.policy_json = spec.policy.minified().into();
            planned.trust_policy_json = spec.trust.minified().into();
        } else {
            (planned.policy_json, planned.trust_policy_json) = (Value::Unknown, Value::Unknown);
        }
        planned.attached_policy_arns = BTreeSet::new().into();
        Ok(())
    }

    async fn create(
        &self,
        ctx: &ResourceContext<Self>,
        plan: AwsCrossAccountRoleModel,
    ) -> Result<AwsCrossAccountRoleModel> {
        let spec = plan.known_spec()?;
        let made = account_of(ctx.data(), &plan.account_id).await?.ensure_role(&spec, Claim::OnlyOurs).await;
        Ok(plan.applied(&made.map_err(|error| fault(&error, Self::NAME))?, &spec))
    }

    async fn read(
        &self,
        ctx: &ResourceContext<Self>,
        state: AwsCrossAccountRoleModel,
    ) -> Result<Option<AwsCrossAccountRoleModel>> {
        let Some(account) = ctx.data().aws().await else { return Ok(Some(state)) };
        let name = RoleName::parse(state.name.as_str().unwrap_or_default());
        let name = name.map_err(|error| Diagnostic::error("This is no name of a role").detail(format!("{error}.")))?;
        let found = account.find_role(&name).await.map_err(|error| fault(&error, Self::NAME))?;
        Ok(found.map(|found| state.seen(&found)))
    }

    async fn update(
        &self,
        ctx: &ResourceContext<Self>,
        _: AwsCrossAccountRoleModel,
        plan: AwsCrossAccountRoleModel,
    ) -> Result<AwsCrossAccountRoleModel> {
        let spec = plan.known_spec()?;
        let made = account_of(ctx.data(), &plan.account_id).await?.ensure_role(&spec, Claim::Imported).await;
        Ok(plan.applied(&made.map_err(|error| fault(&error, Self::NAME))?, &spec))
    }

    async fn delete(&self, ctx: &ResourceContext<Self>, state: AwsCrossAccountRoleModel) -> Result<()> {
        let (Some(name), Some(stack)) = (state.name.as_str(), state.stack.as_str()) else { return Ok(()) };
        let invalid = |error: ringfence_cloud::aws::AwsNameError| Diagnostic::error(error.to_string());
        let name = RoleName::parse(name).map_err(invalid)?;
        let stack = ringfence_cloud::aws::StackName::parse(stack).map_err(invalid)?;
        let removed = account(ctx.data()).await?.remove_role(&name, &stack).await;
        removed.map_err(|error| fault(&error, Self::NAME))
    }

    fn identity(&self, state: &AwsCrossAccountRoleModel) -> Option<AwsRoleIdentity> {
        let account_id = state.arn.as_str()?.split(':').nth(4)?.to_owned().into();
        Some(AwsRoleIdentity { account_id, name: state.name.clone() }).filter(|identity| identity.name.is_known())
    }

    async fn import_identity(
        &self,
        _: &ResourceContext<Self>,
        identity: AwsRoleIdentity,
    ) -> Result<AwsCrossAccountRoleModel> {
        Ok(AwsCrossAccountRoleModel { name: identity.name, ..AwsCrossAccountRoleModel::default() })
    }

    /// The name of the role, after its path. What it was made for is not told by AWS, so the first apply writes its documents.
    async fn import(&self, _: &ResourceContext<Self>, id: &str) -> Result<AwsCrossAccountRoleModel> {
        RoleName::parse(id)
            .map_err(|error| Diagnostic::error("This is no name of a role").detail(format!("{error}.")))?;
        Ok(AwsCrossAccountRoleModel { name: id.into(), ..AwsCrossAccountRoleModel::default() })
    }
}
