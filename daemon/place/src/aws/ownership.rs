//! Ownership of objects in an account, by their tag. What another stack owns is neither changed nor removed.

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;
use ringfence_policy::aws::{STACK_TAG, StackName};

use super::role_error::RoleError;

/// What counts as the stack's in addition to what carries its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Nothing.
    OnlyOurs,
    /// What carries the tag with the stack's former name.
    Was(String),
    /// What was created for this stack, by its unique id, even if it has lost its tag. What carries another stack's tag
    /// belongs to that stack.
    Made,
    /// Whatever has the name: an import has assigned it to this stack.
    Imported,
}

impl Claim {
    /// Whether the stack owns the role or profile that carries these tags.
    pub(super) fn covers(&self, tags: &BTreeMap<String, String>, stack: &StackName) -> bool {
        let of = tags.get(STACK_TAG).map(String::as_str);
        of == Some(stack.as_str())
            || match self {
                Self::OnlyOurs => false,
                Self::Was(old) => of == Some(old),
                Self::Made => of.is_none(),
                Self::Imported => true,
            }
    }

    /// The same for policies, for which neither an import nor an id decides.
    pub(super) fn of_policies(&self) -> Self {
        match self {
            Self::Was(_) => self.clone(),
            Self::OnlyOurs | Self::Made | Self::Imported => Self::OnlyOurs,
        }
    }

    /// Fails if the stack does not own what carries these tags.
    pub(super) fn check(
        &self,
        what: &'static str,
        name: &str,
        tags: &BTreeMap<String, String>,
        stack: &StackName,
    ) -> Result<(), RoleError> {
        if self.covers(tags, stack) {
            return Ok(());
        }
        Err(RoleError::NotOurs { what, name: name.to_owned(), stack: stack.to_string() })
    }
}

/// The tags that an object of a stack must carry.
pub(super) fn wanted_tags(stack: &StackName, more: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut tags = more.clone();
    tags.insert(STACK_TAG.to_owned(), stack.to_string());
    tags
}

/// The keys that exist and are not wanted, or `None`.
pub(super) fn unwanted_keys(
    there: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
) -> Option<Vec<String>> {
    let keys: Vec<String> = there.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
    (!keys.is_empty()).then_some(keys)
}

pub(super) fn to_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

/// Tags that users can set. Those of AWS's own services begin with `aws:` and can be neither set nor removed.
pub(super) fn from_tags(tags: &[Tag]) -> BTreeMap<String, String> {
    let settable = tags.iter().filter(|tag| !tag.key().starts_with("aws:"));
    settable.map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_is_said_by_the_tag_and_by_nothing_else_until_it_is_imported() {
        let stack = StackName::parse("prod").unwrap();
        let tagged = |value: &str| BTreeMap::from([(STACK_TAG.to_owned(), value.to_owned())]);
        let was = Claim::Was("old".to_owned());
        let none = BTreeMap::new();
        for (claim, [ours, old, other, untagged]) in [
            (&Claim::OnlyOurs, [true, false, false, false]),
            (&was, [true, true, false, false]),
            (&Claim::Made, [true, false, false, true]),
            (&Claim::Imported, [true, true, true, true]),
            (&Claim::Imported.of_policies(), [true, false, false, false]),
            (&Claim::Made.of_policies(), [true, false, false, false]),
            (&was.of_policies(), [true, true, false, false]),
        ] {
            for (tags, is_ours) in
                [(&tagged("prod"), ours), (&tagged("old"), old), (&tagged("other"), other), (&none, untagged)]
            {
                assert_eq!(claim.covers(tags, &stack), is_ours, "{claim:?} {tags:?}");
            }
        }
    }
}
