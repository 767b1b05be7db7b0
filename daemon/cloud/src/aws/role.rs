//! Roles, and instance profiles with their roles: as they should be, as they are, and how one becomes the other.
//!
//! # Guarantees
//!
//! - Only what carries our tag is changed or removed; what has the name and not the tag is left alone and said to be there.
//! - Every step may be repeated: a creation whose answer was lost finds what it made.
//! - Documents are compared by meaning, so that another spelling is no change.
//! - Waits for propagation end, and are for the messages that AWS gives for it alone.

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;

use super::account::{AwsAccount, AwsError, failed};
use super::document::Document;
use super::managed_policy::{is_named_after, policy_arn};
use super::name::{ProfileName, RoleName, StackName};
use super::propagation::until_known;

/// The tag that says whose something is.
pub const STACK_TAG: &str = "ringfence:stack";
/// The name of the one inline policy.
const POLICY: &str = "ringfence";

/// A role as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSpec {
    /// Its name, after its path.
    pub name: RoleName,
    /// Whose it is.
    pub stack: StackName,
    /// What it is for, for people.
    pub description: String,
    /// Who may assume it.
    pub trust: Document,
    /// What it may do.
    pub policy: Document,
    /// Where that stands.
    pub policy_type: PolicyType,
    /// The most that it may ever do: the ARN of a managed policy.
    pub boundary_arn: Option<String>,
    /// More tags.
    pub tags: BTreeMap<String, String>,
}

/// Where a role's policy stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PolicyType {
    /// In the role itself, whole.
    #[default]
    Inline,
    /// In managed policies of the role's own, in parts that fit each.
    Managed,
}

/// A role as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleObserved {
    /// Its ARN.
    pub arn: String,
    /// What tells it from others of the same name.
    pub unique_id: String,
    /// Who may assume it.
    pub trust: Document,
    /// What its inline policies and the managed ones of its own allow together; none when it has none.
    pub policy: Option<Document>,
    /// The managed policies of its own.
    pub managed: Vec<String>,
    /// Managed policies that somebody else has attached.
    pub attached: Vec<String>,
    /// The most that it may ever do.
    pub boundary_arn: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// What to do with something of the name that does not carry our tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Leave it alone and say so.
    OnlyOurs,
    /// Somebody has said that it is ours from now on: it gets the tag.
    Imported,
}

/// Why a role is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// AWS did not do what was asked.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Something of the name is there and is somebody else's.
    #[error("{what} {name} exists and does not carry the tag {STACK_TAG} = {stack}")]
    NotOurs {
        /// `role` or `instance profile`.
        what: &'static str,
        /// Its name.
        name: String,
        /// The stack that should own it.
        stack: String,
    },
    /// It is there under another path, which cannot be changed.
    #[error("{what} {name} is wanted, and {arn} is there: names are unique whatever their path")]
    OtherPath {
        /// `role` or `instance profile`.
        what: &'static str,
        /// The name with the path that is wanted.
        name: String,
        /// What is there.
        arn: String,
    },
    /// It was made, and AWS does not show it.
    #[error("{what} {name} was made, and AWS does not show it")]
    NotSeen {
        /// `role` or `instance profile`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// What AWS answers is not what it says that it answers.
    #[error("AWS answered {0}, which cannot be read")]
    Unreadable(&'static str),
}

fn split(name: &str) -> (String, &str) {
    match name.rsplit_once('/') {
        Some((path, name)) => (format!("/{path}/"), name),
        None => ("/".to_owned(), name),
    }
}

fn tag(key: &str, value: &str) -> Option<Tag> {
    Tag::builder().key(key).value(value).build().ok()
}

fn wanted_tags(stack: &StackName, more: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut tags = more.clone();
    tags.insert(STACK_TAG.to_owned(), stack.to_string());
    tags
}

pub(super) fn to_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().filter_map(|(key, value)| tag(key, value)).collect()
}

pub(super) fn from_tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// A document as IAM hands it out: percent-encoded.
pub(super) fn decoded(text: &str, what: &'static str) -> Result<Document, RoleError> {
    let text = percent_encoding::percent_decode_str(text).decode_utf8().map_err(|_| RoleError::Unreadable(what))?;
    Document::parse(&text).map_err(|_| RoleError::Unreadable(what))
}

impl AwsAccount {
    /// The role of this name, if there is one. The path is not part of what tells roles apart.
    pub async fn find_role(&self, name: &RoleName) -> Result<Option<RoleObserved>, RoleError> {
        let (_, name) = split(name.as_str());
        let role = match self.iam.get_role().role_name(name).send().await.map_err(failed("iam:GetRole")) {
            Ok(answer) => answer.role.ok_or(RoleError::Unreadable("a role"))?,
            Err(error) if error.is("NoSuchEntity") => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let trust = decoded(role.assume_role_policy_document().unwrap_or_default(), "a trust policy")?;
        let mut statements = Vec::new();
        let mut pages = self.iam.list_role_policies().role_name(name).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("iam:ListRolePolicies"))?;
            for policy in page.policy_names {
                let answer = self.iam.get_role_policy().role_name(name).policy_name(policy).send().await;
                let answer = answer.map_err(failed("iam:GetRolePolicy"))?;
                statements.extend(decoded(&answer.policy_document, "a policy")?.statement);
            }
        }
        let mut attached = Vec::new();
        let mut pages = self.iam.list_attached_role_policies().role_name(name).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("iam:ListAttachedRolePolicies"))?;
            attached.extend(page.attached_policies.unwrap_or_default().into_iter().filter_map(|one| one.policy_arn));
        }
        let tags = from_tags(role.tags());
        let mut managed = Vec::new();
        for arn in std::mem::take(&mut attached) {
            let own = if is_named_after(role.arn(), &arn) { self.find_policy(&arn).await? } else { None };
            match own.filter(|policy| policy.tags.get(STACK_TAG) == tags.get(STACK_TAG)) {
                Some(policy) => {
                    statements.extend(policy.document.statement);
                    managed.push(arn);
                }
                None => attached.push(arn),
            }
        }
        managed.sort();
        let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
        Ok(Some(RoleObserved {
            arn: role.arn.clone(),
            unique_id: role.role_id.clone(),
            trust,
            policy: (!statements.is_empty()).then(|| Document::new(statements)),
            managed,
            attached,
            boundary_arn: boundary.map(str::to_owned),
            tags,
        }))
    }

    /// Makes the role be as it should, whatever is there: nothing, half of it, or all of it. What is there and not ours is
    /// left alone.
    pub async fn ensure_role(&self, spec: &RoleSpec, claim: Claim) -> Result<RoleObserved, RoleError> {
        until_known(|| self.bring_role_about(spec, claim)).await
    }

    async fn bring_role_about(&self, spec: &RoleSpec, claim: Claim) -> Result<RoleObserved, RoleError> {
        let (path, name) = split(spec.name.as_str());
        let tags = wanted_tags(&spec.stack, &spec.tags);
        let there = if let Some(there) = self.find_role(&spec.name).await? {
            there
        } else {
            self.create_role(spec, &path, name, &tags).await?;
            self.find_role(&spec.name).await?.ok_or_else(|| not_seen("role", spec.name.as_str()))?
        };
        if claim == Claim::OnlyOurs && !is_of(&there.tags, &spec.stack) {
            return Err(not_ours("role", spec.name.as_str(), &spec.stack));
        }
        if !there.arn.ends_with(&format!(":role/{}", spec.name)) {
            return Err(other_path("role", spec.name.as_str(), &there.arn));
        }
        for arn in &there.attached {
            self.remove_policy(name, &there.arn, arn, &spec.stack).await?;
        }
        if !there.trust.means_the_same(&spec.trust) {
            let call = self.iam.update_assume_role_policy().role_name(name).policy_document(spec.trust.minified());
            call.send().await.map_err(failed("iam:UpdateAssumeRolePolicy"))?;
        }
        self.put_policy(spec, name, &there, &tags).await?;
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
            let gone: Vec<String> = there.tags.keys().filter(|key| !tags.contains_key(*key)).cloned().collect();
            if !gone.is_empty() {
                let call = self.iam.untag_role().role_name(name).set_tag_keys(Some(gone));
                call.send().await.map_err(failed("iam:UntagRole"))?;
            }
            let call = self.iam.tag_role().role_name(name).set_tags(Some(to_tags(&tags)));
            call.send().await.map_err(failed("iam:TagRole"))?;
        }
        self.find_role(&spec.name).await?.ok_or_else(|| not_seen("role", spec.name.as_str()))
    }

    /// Makes the role's policy be as it should and where it should. What it may do is there before what it may do no more goes.
    async fn put_policy(
        &self,
        spec: &RoleSpec,
        name: &str,
        there: &RoleObserved,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), RoleError> {
        let same = there.policy.as_ref().is_some_and(|policy| policy.means_the_same(&spec.policy));
        match spec.policy_type {
            PolicyType::Inline => {
                if !same || !there.managed.is_empty() {
                    let call = self.iam.put_role_policy().role_name(name).policy_name(POLICY);
                    let call = call.policy_document(spec.policy.minified()).send().await;
                    call.map_err(failed("iam:PutRolePolicy"))?;
                    self.remove_inline_policies(name, Some(POLICY)).await?;
                }
                for arn in &there.managed {
                    self.remove_policy(name, &there.arn, arn, &spec.stack).await?;
                }
            }
            PolicyType::Managed => {
                let parts = spec.policy.split();
                let wanted: Vec<String> = (1..=parts.len()).map(|n| policy_arn(&there.arn, n)).collect();
                if !same || there.managed != wanted {
                    for (n, part) in (1..).zip(&parts) {
                        self.ensure_policy((name, &there.arn), n, part, (&spec.stack, tags)).await?;
                    }
                    self.remove_inline_policies(name, None).await?;
                }
                for arn in there.managed.iter().filter(|arn| !wanted.contains(arn)) {
                    self.remove_policy(name, &there.arn, arn, &spec.stack).await?;
                }
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
            // Ours from before, when the answer was lost; whose it is shows in its tags.
            Err(error) if error.is("EntityAlreadyExists") => Ok(()),
            other => Ok(other?),
        }
    }

    /// Removes a role of this stack and everything of it. One that is not there is as good as removed.
    pub async fn remove_role(&self, name: &RoleName, stack: &StackName) -> Result<(), RoleError> {
        let Some(there) = self.find_role(name).await? else { return Ok(()) };
        if !is_of(&there.tags, stack) {
            return Err(not_ours("role", name.as_str(), stack));
        }
        let (_, name) = split(name.as_str());
        for arn in there.attached.iter().chain(&there.managed) {
            self.remove_policy(name, &there.arn, arn, stack).await?;
        }
        self.remove_inline_policies(name, None).await?;
        Ok(gone(self.iam.delete_role().role_name(name).send().await.map(drop).map_err(failed("iam:DeleteRole")))?)
    }

    async fn remove_inline_policies(&self, role: &str, but: Option<&str>) -> Result<(), RoleError> {
        let mut pages = self.iam.list_role_policies().role_name(role).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            names.extend(page.map_err(failed("iam:ListRolePolicies"))?.policy_names);
        }
        for name in names.into_iter().filter(|name| Some(name.as_str()) != but) {
            let call = self.iam.delete_role_policy().role_name(role).policy_name(name);
            gone(call.send().await.map(drop).map_err(failed("iam:DeleteRolePolicy")))?;
        }
        Ok(())
    }
}

/// An instance profile as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileObserved {
    /// Its ARN.
    pub arn: String,
    /// The names of the roles in it: one, or none.
    pub roles: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl AwsAccount {
    /// The instance profile of this name, if there is one.
    pub async fn find_instance_profile(&self, name: &ProfileName) -> Result<Option<ProfileObserved>, RoleError> {
        let (_, name) = split(name.as_str());
        let answer = self.iam.get_instance_profile().instance_profile_name(name).send().await;
        let profile = match answer.map_err(failed("iam:GetInstanceProfile")) {
            Ok(answer) => answer.instance_profile.ok_or(RoleError::Unreadable("an instance profile"))?,
            Err(error) if error.is("NoSuchEntity") => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(ProfileObserved {
            arn: profile.arn.clone(),
            roles: profile.roles.iter().map(|role| role.role_name.clone()).collect(),
            tags: from_tags(profile.tags()),
        }))
    }

    /// Makes the instance profile be there with this role in it. What is there and not ours is left alone.
    pub async fn ensure_instance_profile(
        &self,
        name: &ProfileName,
        role: &RoleName,
        stack: &StackName,
        more: &BTreeMap<String, String>,
        claim: Claim,
    ) -> Result<ProfileObserved, RoleError> {
        until_known(move || async move {
            let (path, bare) = split(name.as_str());
            let (_, role) = split(role.as_str());
            let tags = wanted_tags(stack, more);
            if self.find_instance_profile(name).await?.is_none() {
                let call = self.iam.create_instance_profile().instance_profile_name(bare).path(path);
                let created = call.set_tags(Some(to_tags(&tags))).send().await;
                match created.map(drop).map_err(failed("iam:CreateInstanceProfile")) {
                    Err(error) if error.is("EntityAlreadyExists") => {}
                    other => other?,
                }
            }
            let there = self.find_instance_profile(name).await?;
            let there = there.ok_or_else(|| not_seen("instance profile", name.as_str()))?;
            if claim == Claim::OnlyOurs && !is_of(&there.tags, stack) {
                return Err(not_ours("instance profile", name.as_str(), stack));
            }
            if !there.arn.ends_with(&format!(":instance-profile/{name}")) {
                return Err(other_path("instance profile", name.as_str(), &there.arn));
            }
            for other in there.roles.iter().filter(|other| *other != role) {
                let call = self.iam.remove_role_from_instance_profile().instance_profile_name(bare).role_name(other);
                gone(call.send().await.map(drop).map_err(failed("iam:RemoveRoleFromInstanceProfile")))?;
            }
            if !there.roles.iter().any(|other| other == role) {
                let call = self.iam.add_role_to_instance_profile().instance_profile_name(bare).role_name(role);
                match call.send().await.map(drop).map_err(failed("iam:AddRoleToInstanceProfile")) {
                    // A profile holds one role: ours is in it, and the answer was lost.
                    Err(error) if error.is("LimitExceeded") || error.is("EntityAlreadyExists") => {}
                    other => other?,
                }
            }
            if there.tags != tags {
                let old: Vec<String> = there.tags.keys().filter(|key| !tags.contains_key(*key)).cloned().collect();
                if !old.is_empty() {
                    let call = self.iam.untag_instance_profile().instance_profile_name(bare).set_tag_keys(Some(old));
                    call.send().await.map_err(failed("iam:UntagInstanceProfile"))?;
                }
                let call = self.iam.tag_instance_profile().instance_profile_name(bare).set_tags(Some(to_tags(&tags)));
                call.send().await.map_err(failed("iam:TagInstanceProfile"))?;
            }
            self.find_instance_profile(name).await?.ok_or_else(|| not_seen("instance profile", name.as_str()))
        })
        .await
    }

    /// Removes an instance profile of this stack. One that is not there is as good as removed.
    pub async fn remove_instance_profile(&self, name: &ProfileName, stack: &StackName) -> Result<(), RoleError> {
        let Some(there) = self.find_instance_profile(name).await? else { return Ok(()) };
        if !is_of(&there.tags, stack) {
            return Err(not_ours("instance profile", name.as_str(), stack));
        }
        let (_, name) = split(name.as_str());
        for role in there.roles {
            let call = self.iam.remove_role_from_instance_profile().instance_profile_name(name).role_name(role);
            gone(call.send().await.map(drop).map_err(failed("iam:RemoveRoleFromInstanceProfile")))?;
        }
        let call = self.iam.delete_instance_profile().instance_profile_name(name);
        Ok(gone(call.send().await.map(drop).map_err(failed("iam:DeleteInstanceProfile")))?)
    }
}

pub(super) fn is_of(tags: &BTreeMap<String, String>, stack: &StackName) -> bool {
    tags.get(STACK_TAG).map(String::as_str) == Some(stack.as_str())
}

pub(super) fn not_ours(what: &'static str, name: &str, stack: &StackName) -> RoleError {
    RoleError::NotOurs { what, name: name.to_owned(), stack: stack.to_string() }
}

fn not_seen(what: &'static str, name: &str) -> RoleError {
    RoleError::NotSeen { what, name: name.to_owned() }
}

fn other_path(what: &'static str, name: &str, arn: &str) -> RoleError {
    RoleError::OtherPath { what, name: name.to_owned(), arn: arn.to_owned() }
}

/// What was to be removed and is not there is removed.
pub(super) fn gone(result: Result<(), AwsError>) -> Result<(), AwsError> {
    match result {
        Err(error) if error.is("NoSuchEntity") => Ok(()),
        other => other,
    }
}
