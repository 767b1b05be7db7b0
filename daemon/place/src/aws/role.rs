//! Roles: the wanted and the actual state, and converging the two.
//!
//! # Guarantees
//!
//! - Only what the stack owns is changed or removed. Ownership of everything is checked before the first change.
//! - Every step may be repeated: a creation whose answer was lost finds what it created.
//! - Documents are compared by meaning, so another spelling is no change.
//! - Waiting for propagation is limited in time, and happens only on the errors that AWS returns for it alone.
//!
//! The description and the maximum session duration of a role are set when it is created; later changes to them are
//! kept.

use std::collections::BTreeMap;

use ringfence_policy::aws::{Document, PolicyType, RoleName, StackName};

use super::account::{AwsAccount, AwsError, failed};
use super::iam::{decoded, gone, split};
use super::managed_policy::{OwnPolicy, policy_arn};
use super::ownership::{Claim, from_tags, to_tags, unwanted_keys, wanted_tags};
use super::propagation::until_known;
use super::role_error::{RoleError, not_seen, other_path};

/// The name of the one inline policy.
const POLICY: &str = "ringfence";

/// A wanted role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSpec {
    /// Its name, after its path.
    pub name: RoleName,
    /// The stack that owns it.
    pub stack: StackName,
    /// Its description.
    pub description: String,
    /// Who may assume it.
    pub trust: Document,
    /// What it may do.
    pub policy: Document,
    /// Where that policy is stored.
    pub policy_type: PolicyType,
    /// Its permissions boundary: the ARN of a managed policy.
    pub boundary_arn: Option<String>,
    /// More tags.
    pub tags: BTreeMap<String, String>,
}

/// An actual role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleObserved {
    /// Its ARN.
    pub arn: String,
    /// Its unique id, which distinguishes it from others of the same name.
    pub unique_id: String,
    /// Who may assume it.
    pub trust: Document,
    /// What its inline policies and its own managed ones allow together, if it has any.
    pub policy: Option<Document>,
    /// The names of its inline policies.
    pub inline: Vec<String>,
    /// The managed policies that are named as its own, attached or not.
    pub own: Vec<OwnPolicy>,
    /// Managed policies of other names that are attached.
    pub attached: Vec<String>,
    /// Its permissions boundary.
    pub boundary_arn: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl RoleObserved {
    /// Whether it carries the stack's tag.
    pub fn is_of(&self, stack: &StackName) -> bool {
        Claim::OnlyOurs.covers(&self.tags, stack)
    }

    /// Where its policy is stored.
    pub fn policy_type(&self) -> PolicyType {
        if self.own.iter().any(|policy| policy.is_of(&self.tags)) { PolicyType::Managed } else { PolicyType::Inline }
    }

    /// The tags of the role and of the policies of its own.
    pub fn all_tags(&self) -> impl Iterator<Item = &BTreeMap<String, String>> {
        let own = self.own.iter().filter(|policy| policy.is_of(&self.tags)).map(|policy| &policy.tags);
        std::iter::once(&self.tags).chain(own)
    }

    /// Attached managed policies that are not its own.
    pub fn foreign(&self) -> Vec<String> {
        let own = self.own.iter().filter(|policy| policy.is_attached && !policy.is_of(&self.tags));
        self.attached.iter().chain(own.map(|policy| &policy.arn)).cloned().collect()
    }
}

impl AwsAccount {
    /// The role of this name, if there is one. Names are unique across paths.
    pub async fn find_role(&self, name: &RoleName) -> Result<Option<RoleObserved>, RoleError> {
        let (_, name) = split(name.as_str());
        let role = match self.iam.get_role().role_name(name).send().await.map_err(failed("iam:GetRole")) {
            Ok(answer) => answer.role.ok_or(RoleError::Unreadable("a role"))?,
            Err(error) if error.is("NoSuchEntity") => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let trust = decoded(role.assume_role_policy_document().unwrap_or_default(), "a trust policy")?;
        let mut statements = Vec::new();
        let inline = self.inline_policies(name).await?;
        for policy in &inline {
            let answer = self.iam.get_role_policy().role_name(name).policy_name(policy).send().await;
            let answer = match answer.map_err(failed("iam:GetRolePolicy")) {
                Err(error) if error.is("NoSuchEntity") => return Err(not_seen("policy", policy)),
                other => other?,
            };
            statements.extend(decoded(&answer.policy_document, "a policy")?.statement);
        }
        let mut attached = Vec::new();
        let mut pages = self.iam.list_attached_role_policies().role_name(name).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("iam:ListAttachedRolePolicies"))?;
            attached.extend(page.attached_policies.unwrap_or_default().into_iter().filter_map(|one| one.policy_arn));
        }
        let own = self.find_own_policies(role.arn(), &attached).await?;
        let tags = from_tags(role.tags());
        for policy in own.iter().filter(|policy| policy.is_of(&tags)) {
            statements.extend(policy.document.statement.iter().cloned());
        }
        attached.retain(|arn| !own.iter().any(|policy| policy.arn == *arn));
        let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
        Ok(Some(RoleObserved {
            arn: role.arn.clone(),
            unique_id: role.role_id.clone(),
            trust,
            policy: (!statements.is_empty()).then(|| Document::new(statements)),
            inline,
            own,
            attached,
            boundary_arn: boundary.map(str::to_owned),
            tags,
        }))
    }

    /// Creates the role, completes it or updates it. Fails without a change if the stack does not own it.
    pub async fn ensure_role(&self, spec: &RoleSpec, claim: &Claim) -> Result<RoleObserved, RoleError> {
        until_known(|| self.bring_role_about(spec, claim)).await
    }

    async fn bring_role_about(&self, spec: &RoleSpec, claim: &Claim) -> Result<RoleObserved, RoleError> {
        let (path, name) = split(spec.name.as_str());
        let tags = wanted_tags(&spec.stack, &spec.tags);
        let there = if let Some(there) = self.check_role(spec, claim).await? {
            there
        } else {
            self.create_role(spec, &path, name, &tags).await?;
            // Ownership is checked again, because another run may have created the role in the meantime.
            self.check_role(spec, claim).await?.ok_or_else(|| not_seen("role", spec.name.as_str()))?
        };
        for arn in &there.attached {
            self.detach_policy(name, arn).await?;
        }
        for policy in there.own.iter().filter(|policy| policy.is_attached) {
            if !claim.of_policies().covers(&policy.tags, &spec.stack) {
                self.detach_policy(name, &policy.arn).await?;
            }
        }
        if !there.trust.means_the_same(&spec.trust) {
            let call = self.iam.update_assume_role_policy().role_name(name).policy_document(spec.trust.minified());
            call.send().await.map_err(failed("iam:UpdateAssumeRolePolicy"))?;
        }
        self.put_policy(spec, &claim.of_policies(), &there, &tags).await?;
        if there.boundary_arn != spec.boundary_arn {
            if let Some(arn) = &spec.boundary_arn {
                let call = self.iam.put_role_permissions_boundary().role_name(name).permissions_boundary(arn);
                call.send().await.map_err(failed("iam:PutRolePermissionsBoundary"))?;
            } else {
                let call = self.iam.delete_role_permissions_boundary().role_name(name);
                call.send().await.map_err(failed("iam:DeleteRolePermissionsBoundary"))?;
            }
        }
        if there.tags != tags {
            if let Some(keys) = unwanted_keys(&there.tags, &tags) {
                let call = self.iam.untag_role().role_name(name).set_tag_keys(Some(keys));
                call.send().await.map_err(failed("iam:UntagRole"))?;
            }
            let call = self.iam.tag_role().role_name(name).set_tags(Some(to_tags(&tags)));
            call.send().await.map_err(failed("iam:TagRole"))?;
        }
        self.find_role(&spec.name).await?.ok_or_else(|| not_seen("role", spec.name.as_str()))
    }

    /// The role, if there is one. Fails if the stack does not own it, or a policy with the name of one of its own.
    pub async fn check_role(&self, spec: &RoleSpec, claim: &Claim) -> Result<Option<RoleObserved>, RoleError> {
        let parts = match spec.policy_type {
            PolicyType::Inline => 0,
            PolicyType::Managed => spec.policy.split().len(),
        };
        let Some(there) = self.find_role(&spec.name).await? else {
            if parts > 0 {
                let caller = self.identity().await?;
                let partition = caller.arn.split(':').nth(1).unwrap_or_default();
                let arn = format!("arn:{partition}:iam::{}:role/{}", caller.account, spec.name);
                let own = self.find_own_policies(&arn, &[]).await?;
                for policy in own.iter().filter(|policy| policy.number <= parts) {
                    Claim::OnlyOurs.check("policy", &policy.arn, &policy.tags, &spec.stack)?;
                }
            }
            return Ok(None);
        };
        claim.check("role", spec.name.as_str(), &there.tags, &spec.stack)?;
        if !there.arn.ends_with(&format!(":role/{}", spec.name)) {
            return Err(other_path("role", spec.name.as_str(), &there.arn));
        }
        if *claim == Claim::OnlyOurs && there.trust.trusts_services() != spec.trust.trusts_services() {
            return Err(RoleError::AnotherRole { name: spec.name.to_string(), stack: spec.stack.to_string() });
        }
        let claim = claim.of_policies();
        for policy in &there.own {
            if policy.number <= parts {
                claim.check("policy", &policy.arn, &policy.tags, &spec.stack)?;
            } else if claim.covers(&policy.tags, &spec.stack) {
                self.check_not_shared(spec.name.bare(), &policy.arn).await?;
            }
        }
        Ok(Some(there))
    }

    /// Stores the role's policy where it should be. It is added in the new place before it is removed from the old one.
    async fn put_policy(
        &self,
        spec: &RoleSpec,
        claim: &Claim,
        there: &RoleObserved,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), RoleError> {
        let name = spec.name.bare();
        let parts = match spec.policy_type {
            PolicyType::Inline => {
                let same = there.policy.as_ref().is_some_and(|policy| policy.means_the_same(&spec.policy));
                if !same || there.inline != [POLICY] || there.policy_type() == PolicyType::Managed {
                    self.put_inline_policy(name, &spec.policy).await?;
                }
                Vec::new()
            }
            PolicyType::Managed => spec.policy.split(),
        };
        for (number, part) in (1..).zip(&parts) {
            let own = there.own.iter().find(|policy| policy.number == number);
            self.ensure_policy(name, &policy_arn(&there.arn, number), own, part, tags).await?;
        }
        if spec.policy_type == PolicyType::Managed && !there.inline.is_empty() {
            self.remove_inline_policies(name, None).await?;
        }
        for policy in there.own.iter().filter(|policy| policy.number > parts.len()) {
            if claim.covers(&policy.tags, &spec.stack) {
                self.remove_policy(name, &policy.arn).await?;
            }
        }
        Ok(())
    }

    /// Sets this as the only inline policy. Others are removed first only if they do not fit together.
    async fn put_inline_policy(&self, name: &str, document: &Document) -> Result<(), RoleError> {
        let put = async || {
            let call = self.iam.put_role_policy().role_name(name).policy_name(POLICY);
            let call = call.policy_document(document.minified()).send().await;
            call.map(drop).map_err(failed("iam:PutRolePolicy"))
        };
        match put().await {
            Err(error) if error.is("LimitExceeded") => {
                self.remove_inline_policies(name, Some(POLICY)).await?;
                put().await?;
            }
            done => {
                done?;
                self.remove_inline_policies(name, Some(POLICY)).await?;
            }
        }
        Ok(())
    }

    async fn create_role(
        &self,
        spec: &RoleSpec,
        path: &str,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), RoleError> {
        let call = self
            .iam
            .create_role()
            .path(path)
            .role_name(name)
            .description(&spec.description)
            .assume_role_policy_document(spec.trust.minified())
            .set_permissions_boundary(spec.boundary_arn.clone())
            .set_tags(Some(to_tags(tags)));
        let created = call.send().await.map(drop).map_err(failed("iam:CreateRole"));
        match created {
            // Perhaps created by an earlier call whose answer was lost; its tags show the owner.
            Err(error) if error.is("EntityAlreadyExists") => Ok(()),
            other => Ok(other?),
        }
    }

    /// Removes a role of this stack with its policies. A role that does not exist, or has another unique id, counts as
    /// removed.
    pub async fn remove_role(
        &self,
        name: &RoleName,
        unique_id: Option<&str>,
        stack: &StackName,
    ) -> Result<(), RoleError> {
        until_known(|| async move {
            match self.check_removal(name, unique_id, stack, None).await? {
                Some(there) => self.remove_checked(&there, stack).await,
                None => Ok(()),
            }
        })
        .await
    }

    /// The role, if it exists and may be removed: the stack owns it, none of its own policies is attached elsewhere,
    /// and it is in no profile but this one.
    pub(super) async fn check_removal(
        &self,
        name: &RoleName,
        unique_id: Option<&str>,
        stack: &StackName,
        profile: Option<&str>,
    ) -> Result<Option<RoleObserved>, RoleError> {
        let there = self.find_role(name).await?;
        let Some(there) = there.filter(|there| unique_id.is_none_or(|id| id == there.unique_id)) else {
            return Ok(None);
        };
        Claim::OnlyOurs.check("role", name.as_str(), &there.tags, stack)?;
        for policy in there.own.iter().filter(|policy| Claim::OnlyOurs.covers(&policy.tags, stack)) {
            self.check_not_shared(name.bare(), &policy.arn).await?;
        }
        self.check_in_no_other_profile(name, profile).await?;
        Ok(Some(there))
    }

    /// Fails if a role is in an instance profile other than this one.
    pub(super) async fn check_in_no_other_profile(
        &self,
        role: &RoleName,
        profile: Option<&str>,
    ) -> Result<(), RoleError> {
        let mut pages = self.iam.list_instance_profiles_for_role().role_name(role.bare()).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("iam:ListInstanceProfilesForRole"))?;
            let other = page.instance_profiles.into_iter().find(|one| Some(one.instance_profile_name()) != profile);
            if let Some(other) = other {
                let profile = other.instance_profile_name;
                return Err(RoleError::InAnotherProfile { role: role.to_string(), profile });
            }
        }
        Ok(())
    }

    pub(super) async fn remove_checked(&self, there: &RoleObserved, stack: &StackName) -> Result<(), RoleError> {
        let (_, name) = split(&there.arn);
        for arn in &there.attached {
            self.detach_policy(name, arn).await?;
        }
        for policy in &there.own {
            if Claim::OnlyOurs.covers(&policy.tags, stack) {
                self.remove_policy(name, &policy.arn).await?;
            } else if policy.is_attached {
                self.detach_policy(name, &policy.arn).await?;
            }
        }
        self.remove_inline_policies(name, None).await?;
        Ok(gone(self.iam.delete_role().role_name(name).send().await.map(drop).map_err(failed("iam:DeleteRole")))?)
    }

    async fn inline_policies(&self, role: &str) -> Result<Vec<String>, AwsError> {
        let mut pages = self.iam.list_role_policies().role_name(role).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            names.extend(page.map_err(failed("iam:ListRolePolicies"))?.policy_names);
        }
        Ok(names)
    }

    async fn remove_inline_policies(&self, role: &str, but: Option<&str>) -> Result<(), RoleError> {
        for name in self.inline_policies(role).await?.into_iter().filter(|name| Some(name.as_str()) != but) {
            let call = self.iam.delete_role_policy().role_name(role).policy_name(name);
            gone(call.send().await.map(drop).map_err(failed("iam:DeleteRolePolicy")))?;
        }
        Ok(())
    }
}
