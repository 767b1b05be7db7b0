//! Managed policies of a role: one for each part of a document that is too long to be inline. They are named after the role and
//! carry its tags, and they go with it.

use std::collections::BTreeMap;

use super::account::{AwsAccount, AwsError, failed};
use super::document::Document;
use super::name::StackName;
use super::role::{RoleError, decoded, from_tags, gone, is_of, not_ours, to_tags};

/// IAM keeps so many versions of a policy.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const VERSIONS: usize = 5;

/// A managed policy as it is.
pub(super) struct ManagedPolicy {
    pub(super) document: Document,
    pub(super) tags: BTreeMap<String, String>,
}

/// The ARN of the n-th policy of a role, from 1.
pub(super) fn policy_arn(role_arn: &str, n: usize) -> String {
    format!("{}-{n}", role_arn.replacen(":role/", ":policy/", 1))
}

/// Whether a policy is named as one of the role's own.
pub(super) fn is_named_after(role_arn: &str, policy: &str) -> bool {
    let own = format!("{}-", role_arn.replacen(":role/", ":policy/", 1));
    policy
        .strip_prefix(&own)
        .is_some_and(|number| number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

impl AwsAccount {
    pub(super) async fn find_policy(&self, arn: &str) -> Result<Option<ManagedPolicy>, RoleError> {
        let policy = match self.iam.get_policy().policy_arn(arn).send().await.map_err(failed("iam:GetPolicy")) {
            Ok(answer) => answer.policy.ok_or(RoleError::Unreadable("a policy"))?,
            Err(error) if error.is("NoSuchEntity") => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let version = policy.default_version_id().unwrap_or_default();
        let answer = self.iam.get_policy_version().policy_arn(arn).version_id(version).send().await;
        let answer = answer.map_err(failed("iam:GetPolicyVersion"))?;
        let text = answer.policy_version.and_then(|version| version.document).unwrap_or_default();
        Ok(Some(ManagedPolicy { document: decoded(&text, "a policy")?, tags: from_tags(policy.tags()) }))
    }

    /// Makes the n-th policy of a role be this document, and attaches it.
    pub(super) async fn ensure_policy(
        &self,
        (role, role_arn): (&str, &str),
        n: usize,
        document: &Document,
        (stack, tags): (&StackName, &BTreeMap<String, String>),
    ) -> Result<(), RoleError> {
        let arn = policy_arn(role_arn, n);
        if self.find_policy(&arn).await?.is_none() {
            let (path, name) =
                arn.split_once(":policy").and_then(|(_, name)| name.rsplit_once('/')).unwrap_or_default();
            let call = self.iam.create_policy().policy_name(name).path(format!("{path}/"));
            let call = call.policy_document(document.minified()).set_tags(Some(to_tags(tags)));
            match call.send().await.map(drop).map_err(failed("iam:CreatePolicy")) {
                // Ours from before, when the answer was lost.
                Err(error) if error.is("EntityAlreadyExists") => {}
                other => other?,
            }
        }
        let there = self.find_policy(&arn).await?.ok_or(RoleError::Unreadable("no policy after its creation"))?;
        if !is_of(&there.tags, stack) {
            return Err(not_ours("policy", &arn, stack));
        }
        if !there.document.means_the_same(document) {
            self.forget_versions(&arn, VERSIONS - 1).await?;
            let call = self.iam.create_policy_version().policy_arn(&arn).set_as_default(true);
            let call = call.policy_document(document.minified()).send().await;
            call.map_err(failed("iam:CreatePolicyVersion"))?;
        }
        if there.tags != *tags {
            let call = self.iam.tag_policy().policy_arn(&arn).set_tags(Some(to_tags(tags))).send().await;
            call.map_err(failed("iam:TagPolicy"))?;
        }
        let call = self.iam.attach_role_policy().role_name(role).policy_arn(&arn).send().await;
        Ok(call.map(drop).map_err(failed("iam:AttachRolePolicy"))?)
    }

    /// Detaches a policy from a role, and deletes it if it is the role's own.
    pub(super) async fn remove_policy(
        &self,
        role: &str,
        role_arn: &str,
        arn: &str,
        stack: &StackName,
    ) -> Result<(), RoleError> {
        let call = self.iam.detach_role_policy().role_name(role).policy_arn(arn).send().await;
        gone(call.map(drop).map_err(failed("iam:DetachRolePolicy")))?;
        if !is_named_after(role_arn, arn) {
            return Ok(());
        }
        let ours = self.find_policy(arn).await?.is_some_and(|policy| is_of(&policy.tags, stack));
        if !ours {
            return Ok(());
        }
        self.forget_versions(arn, 1).await?;
        let call = self.iam.delete_policy().policy_arn(arn).send().await;
        Ok(gone(call.map(drop).map_err(failed("iam:DeletePolicy")))?)
    }

    /// Deletes the oldest versions of a policy that are not in force, until at most so many are left.
    async fn forget_versions(&self, arn: &str, most: usize) -> Result<(), AwsError> {
        let answer = self.iam.list_policy_versions().policy_arn(arn).send().await;
        let versions = answer.map_err(failed("iam:ListPolicyVersions"))?.versions.unwrap_or_default();
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
        assert!(is_named_after(role, &policy_arn(role, 1)));
        for other in [
            "arn:aws:iam::111122223333:policy/ringfence-prod-1",
            "arn:aws:iam::111122223333:policy/team/ringfence-prod-x",
            "arn:aws:iam::111122223333:policy/team/ringfence-prod-10",
            "arn:aws:iam::aws:policy/AdministratorAccess",
        ] {
            assert!(!is_named_after(role, other), "{other}");
        }
    }
}
