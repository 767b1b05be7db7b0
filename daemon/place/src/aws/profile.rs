//! Instance profiles with their role: the wanted and the actual state, and converging the two.
//!
//! # Guarantees
//!
//! - Ownership of the profile and of the role is checked before the first change to either.
//! - A role in another profile is neither taken over nor removed.
//! - Every step may be repeated.

use std::collections::BTreeMap;

use ringfence_policy::aws::{ProfileName, RoleName, StackName};

use super::account::{AwsAccount, failed};
use super::iam::{gone, split};
use super::ownership::{Claim, from_tags, to_tags, unwanted_keys, wanted_tags};
use super::propagation::until_known;
use super::role::{RoleObserved, RoleSpec};
use super::role_error::{RoleError, not_seen, other_path};

/// A wanted instance profile: it contains this role, belongs to the role's stack, and carries the role's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileSpec {
    /// Its name, after its path.
    pub name: ProfileName,
    /// The role in it.
    pub role: RoleSpec,
}

/// An actual instance profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileObserved {
    /// Its ARN.
    pub arn: String,
    /// Its unique id, which distinguishes it from others of the same name.
    pub unique_id: String,
    /// The names of the roles in it: one, or none.
    pub roles: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl ProfileObserved {
    /// Whether it carries the stack's tag.
    pub fn is_of(&self, stack: &StackName) -> bool {
        Claim::OnlyOurs.covers(&self.tags, stack)
    }
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
            unique_id: profile.instance_profile_id.clone(),
            roles: profile.roles.iter().map(|role| role.role_name.clone()).collect(),
            tags: from_tags(profile.tags()),
        }))
    }

    /// Creates or updates the instance profile and its role. Fails without a change if the stack does not own one of
    /// them.
    pub async fn ensure_instance_profile(
        &self,
        spec: &ProfileSpec,
        (profile_claim, role_claim): (&Claim, &Claim),
    ) -> Result<(ProfileObserved, RoleObserved), RoleError> {
        let _one_at_a_time = self.profiles.lock().await;
        if self.check_role(&spec.role, role_claim).await?.is_some() && *role_claim == Claim::OnlyOurs {
            self.check_in_no_other_profile(&spec.role.name, Some(spec.name.bare())).await?;
        }
        self.check_profile(spec, profile_claim).await?;
        let role = self.ensure_role(&spec.role, role_claim).await?;
        Ok((until_known(|| self.bring_profile_about(spec, profile_claim)).await?, role))
    }

    /// The instance profile, if there is one. Fails if the stack does not own it.
    pub async fn check_profile(&self, spec: &ProfileSpec, claim: &Claim) -> Result<Option<ProfileObserved>, RoleError> {
        let Some(there) = self.find_instance_profile(&spec.name).await? else { return Ok(None) };
        claim.check("instance profile", spec.name.as_str(), &there.tags, &spec.role.stack)?;
        if !there.arn.ends_with(&format!(":instance-profile/{}", spec.name)) {
            return Err(other_path("instance profile", spec.name.as_str(), &there.arn));
        }
        Ok(Some(there))
    }

    async fn bring_profile_about(&self, spec: &ProfileSpec, claim: &Claim) -> Result<ProfileObserved, RoleError> {
        let (path, bare) = split(spec.name.as_str());
        let (_, role) = split(spec.role.name.as_str());
        let tags = wanted_tags(&spec.role.stack, &spec.role.tags);
        let there = if let Some(there) = self.check_profile(spec, claim).await? {
            there
        } else {
            let call = self.iam.create_instance_profile().instance_profile_name(bare).path(path);
            let created = call.set_tags(Some(to_tags(&tags))).send().await;
            match created.map(drop).map_err(failed("iam:CreateInstanceProfile")) {
                // Perhaps created by an earlier call whose answer was lost; its tags show the owner.
                Err(error) if error.is("EntityAlreadyExists") => {}
                other => other?,
            }
            let made = self.check_profile(spec, claim).await?;
            made.ok_or_else(|| not_seen("instance profile", spec.name.as_str()))?
        };
        for other in there.roles.iter().filter(|other| *other != role) {
            let call = self.iam.remove_role_from_instance_profile().instance_profile_name(bare).role_name(other);
            gone(call.send().await.map(drop).map_err(failed("iam:RemoveRoleFromInstanceProfile")))?;
        }
        if !there.roles.iter().any(|other| other == role) {
            let call = self.iam.add_role_to_instance_profile().instance_profile_name(bare).role_name(role);
            match call.send().await.map(drop).map_err(failed("iam:AddRoleToInstanceProfile")) {
                // A profile contains one role: the wanted one, if the answer of an earlier call was lost.
                Err(error) if error.is("LimitExceeded") => {
                    let roles = self.find_instance_profile(&spec.name).await?.unwrap_or_else(|| there.clone()).roles;
                    if !roles.iter().any(|other| other == role) {
                        return Err(error.into());
                    }
                }
                other => other?,
            }
        }
        if there.tags != tags {
            if let Some(keys) = unwanted_keys(&there.tags, &tags) {
                let call = self.iam.untag_instance_profile().instance_profile_name(bare).set_tag_keys(Some(keys));
                call.send().await.map_err(failed("iam:UntagInstanceProfile"))?;
            }
            let call = self.iam.tag_instance_profile().instance_profile_name(bare).set_tags(Some(to_tags(&tags)));
            call.send().await.map_err(failed("iam:TagInstanceProfile"))?;
        }
        self.find_instance_profile(&spec.name).await?.ok_or_else(|| not_seen("instance profile", spec.name.as_str()))
    }

    /// Removes an instance profile of this stack, and the role with this unique id in it. What does not exist, or has
    /// another unique id, counts as removed.
    pub async fn remove_instance_profile(
        &self,
        (name, unique_id): (&ProfileName, Option<&str>),
        role: Option<(&RoleName, Option<&str>)>,
        stack: &StackName,
    ) -> Result<(), RoleError> {
        until_known(|| async move {
            let bare = name.bare();
            let role = match role {
                Some((role, id)) => self.check_removal(role, id, stack, Some(bare)).await?,
                None => None,
            };
            let there = self.find_instance_profile(name).await?;
            if let Some(there) = there.filter(|there| unique_id.is_none_or(|id| id == there.unique_id)) {
                Claim::OnlyOurs.check("instance profile", name.as_str(), &there.tags, stack)?;
                for role in there.roles {
                    let call = self.iam.remove_role_from_instance_profile().instance_profile_name(bare).role_name(role);
                    gone(call.send().await.map(drop).map_err(failed("iam:RemoveRoleFromInstanceProfile")))?;
                }
                let call = self.iam.delete_instance_profile().instance_profile_name(bare);
                gone(call.send().await.map(drop).map_err(failed("iam:DeleteInstanceProfile")))?;
            }
            match role {
                Some(role) => self.remove_checked(&role, stack).await,
                None => Ok(()),
            }
        })
        .await
    }
}
