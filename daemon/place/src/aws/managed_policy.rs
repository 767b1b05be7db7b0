//! Managed policies of a role: one for each part of a document that is too long to be inline. They are named after the
//! role, carry its tags, and are removed with it.

use std::collections::BTreeMap;

use ringfence_policy::aws::{Document, STACK_TAG};

use super::account::{AwsAccount, AwsError, failed};
use super::iam::{decoded, gone, split};
use super::ownership::{from_tags, to_tags, unwanted_keys};
use super::role_error::{RoleError, not_seen};

/// The maximum number of versions of a policy in IAM.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const VERSIONS: usize = 5;
/// The maximum number of policies of a role's own.
const MOST: usize = 2;

/// A managed policy that is named as a role's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPolicy {
    /// Its ARN.
    pub arn: String,
    /// Its number among the role's, from 1.
    pub number: usize,
    /// What it allows.
    pub document: Document,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it is attached to the role.
    pub is_attached: bool,
}

impl OwnPolicy {
    /// Whether it is the role's own, by its tag.
    pub(super) fn is_of(&self, role: &BTreeMap<String, String>) -> bool {
        let [own, role] = [&self.tags, role].map(|tags| tags.get(STACK_TAG));
        self.is_attached && own.is_some() && (role.is_none() || own == role)
    }
}

/// The ARN of the n-th policy of a role, from 1.
pub(super) fn policy_arn(role_arn: &str, number: usize) -> String {
    format!("{}-{number}", role_arn.replacen(":role/", ":policy/", 1))
}

impl AwsAccount {
    /// The policies that are named as a role's own, attached or not: one that was created before a crash is found by
    /// its name.
    pub(super) async fn find_own_policies(
        &self,
        role_arn: &str,
        attached: &[String],
    ) -> Result<Vec<OwnPolicy>, RoleError> {
        let mut own = Vec::new();
        for number in 1..=MOST {
            let arn = policy_arn(role_arn, number);
            let policy = match self.iam.get_policy().policy_arn(&arn).send().await.map_err(failed("iam:GetPolicy")) {
                Ok(answer) => answer.policy.ok_or(RoleError::Unreadable("a policy"))?,
                Err(error) if error.is("NoSuchEntity") => continue,
                Err(error) => return Err(error.into()),
            };
            let version = policy.default_version_id().unwrap_or_default();
            let answer = self.iam.get_policy_version().policy_arn(&arn).version_id(version).send().await;
            let answer = match answer.map_err(failed("iam:GetPolicyVersion")) {
                Err(error) if error.is("NoSuchEntity") => return Err(not_seen("policy", &arn)),
                other => other?,
            };
            let text = answer.policy_version.and_then(|version| version.document).unwrap_or_default();
            let (document, tags) = (decoded(&text, "a policy")?, from_tags(policy.tags()));
            let is_attached = attached.contains(&arn);
            own.push(OwnPolicy { arn, number, document, tags, is_attached });
        }
        Ok(own)
    }

    /// Sets the document of a policy of a role, and attaches it.
    pub(super) async fn ensure_policy(
        &self,
        role: &str,
        arn: &str,
        there: Option<&OwnPolicy>,
        document: &Document,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), RoleError> {
        let Some(there) = there else {
            let (path, name) = split(arn.split_once(":policy/").map_or(arn, |(_, name)| name));
            let call = self.iam.create_policy().policy_name(name).path(path);
            let call = call.policy_document(document.minified()).set_tags(Some(to_tags(tags)));
            return match call.send().await.map(drop).map_err(failed("iam:CreatePolicy")) {
                // Perhaps created by an earlier call whose answer was lost; ownership is checked when it is read.
                Err(error) if error.is("EntityAlreadyExists") => Err(not_seen("policy", arn)),
                other => {
                    other?;
                    self.attach_policy(role, arn).await
                }
            };
        };
        if !there.document.means_the_same(document) {
            self.forget_versions(arn, VERSIONS - 1).await?;
            let call = self.iam.create_policy_version().policy_arn(arn).set_as_default(true);
            let call = call.policy_document(document.minified()).send().await;
            call.map_err(failed("iam:CreatePolicyVersion"))?;
        }
        if there.tags != *tags {
            if let Some(keys) = unwanted_keys(&there.tags, tags) {
                let call = self.iam.untag_policy().policy_arn(arn).set_tag_keys(Some(keys)).send().await;
                call.map_err(failed("iam:UntagPolicy"))?;
            }
            let call = self.iam.tag_policy().policy_arn(arn).set_tags(Some(to_tags(tags))).send().await;
            call.map_err(failed("iam:TagPolicy"))?;
        }
        if there.is_attached {
            return Ok(());
        }
        self.attach_policy(role, arn).await
    }

    /// Attaches a policy that was just created or read: if it is unknown, IAM has not propagated it yet.
    async fn attach_policy(&self, role: &str, arn: &str) -> Result<(), RoleError> {
        let call = self.iam.attach_role_policy().role_name(role).policy_arn(arn).send().await;
        match call.map(drop).map_err(failed("iam:AttachRolePolicy")) {
            Err(error) if error.is("NoSuchEntity") && error.text.contains(arn) => Err(not_seen("policy", arn)),
            other => Ok(other?),
        }
    }

    /// Fails if a policy is attached to something other than the role; the user must detach it there.
    pub(super) async fn check_not_shared(&self, role: &str, arn: &str) -> Result<(), RoleError> {
        let mut pages = self.iam.list_entities_for_policy().policy_arn(arn).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = match page.map_err(failed("iam:ListEntitiesForPolicy")) {
                Err(error) if error.is("NoSuchEntity") => return Ok(()),
                other => other?,
            };
            let roles = page.policy_roles().iter().filter_map(|one| one.role_name()).filter(|other| *other != role);
            let users = page.policy_users().iter().filter_map(|one| one.user_name());
            let groups = page.policy_groups().iter().filter_map(|one| one.group_name());
            if let Some(other) = roles.chain(users).chain(groups).next() {
                return Err(RoleError::PolicyShared { arn: arn.to_owned(), other: other.to_owned() });
            }
        }
        Ok(())
    }

    /// Detaches a policy from a role.
    pub(super) async fn detach_policy(&self, role: &str, arn: &str) -> Result<(), RoleError> {
        let call = self.iam.detach_role_policy().role_name(role).policy_arn(arn).send().await;
        Ok(gone(call.map(drop).map_err(failed("iam:DetachRolePolicy")))?)
    }

    /// Detaches a policy of a role's own, and deletes it.
    pub(super) async fn remove_policy(&self, role: &str, arn: &str) -> Result<(), RoleError> {
        self.detach_policy(role, arn).await?;
        self.forget_versions(arn, 1).await?;
        let call = self.iam.delete_policy().policy_arn(arn).send().await;
        Ok(gone(call.map(drop).map_err(failed("iam:DeletePolicy")))?)
    }

    /// Deletes the oldest versions of a policy except the default one, until at most this many are left.
    async fn forget_versions(&self, arn: &str, most: usize) -> Result<(), AwsError> {
        let answer = self.iam.list_policy_versions().policy_arn(arn).send().await;
        let versions = match answer.map_err(failed("iam:ListPolicyVersions")) {
            Ok(answer) => answer.versions.unwrap_or_default(),
            Err(error) if error.is("NoSuchEntity") => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut old: Vec<_> = versions.iter().filter(|version| !version.is_default_version()).collect();
        old.sort_by_key(|version| version.create_date().map(|date| (date.secs(), date.subsec_nanos())));
        for version in old.into_iter().take(versions.len().saturating_sub(most)) {
            let call = self.iam.delete_policy_version().policy_arn(arn);
            let call = call.version_id(version.version_id().unwrap_or_default()).send().await;
            gone(call.map(drop).map_err(failed("iam:DeletePolicyVersion")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_of_a_role_is_known_by_its_name_and_path() {
        let role = "arn:aws:iam::111122223333:role/team/ringfence-prod";
        assert_eq!(policy_arn(role, 2), "arn:aws:iam::111122223333:policy/team/ringfence-prod-2");
    }
}
