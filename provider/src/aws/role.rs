//! What the resources that make roles have in common: what they plan, what they find, and what their state says of it.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_place::aws::{Claim, RoleError, RoleObserved, RoleSpec};
use ringfence_policy::aws::{AwsNameError, Document, STACK_TAG, StackName};
use tfplugin_rs::prelude::*;

use super::account::account_in;
use super::role_error::{fault, invalid};
use crate::ringfence::Ringfence;

/// What tells a role or an instance profile from all others.
#[derive(Clone, Model)]
pub(crate) struct AwsNameIdentity {
    /// Number of the account.
    #[tf(required)]
    pub(crate) account_id: Value<String>,
    /// Name, after its path.
    #[tf(required)]
    pub(crate) name: Value<String>,
}

impl AwsNameIdentity {
    /// The identity of what has this ARN and name, once the name is known.
    pub(crate) fn of(arn: &str, name: &Value<String>) -> Option<Self> {
        name.is_known().then(|| Self { account_id: account_in(arn), name: name.clone() })
    }
}

/// A name out of a state, checked.
pub(crate) fn parsed<T>(name: &Value<String>, parse: fn(&str) -> std::result::Result<T, AwsNameError>) -> Result<T> {
    Ok(parse(name.as_str().unwrap_or_default()).map_err(|error| invalid(&error))?)
}

/// The policy and the trust policy of a role as they are planned: not known while not everything about it is.
pub(crate) fn planned_documents(spec: Option<&RoleSpec>) -> (Value<String>, Value<String>) {
    let json = |of: fn(&RoleSpec) -> &Document| spec.map_or(Value::Unknown, |spec| of(spec).minified().into());
    (json(|spec| &spec.policy), json(|spec| &spec.trust))
}

/// Tells, when planning something that is to be made, of what is there by its name: it would be taken over, or stands
/// in the way. No more than a warning, because whoever destroys plans first. Whatever else is wrong is told when
/// applying, as are rights that whoever plans may lack.
pub(crate) fn warn_of_existing<R: Resource<Data = Ringfence>>(
    ctx: &ResourceContext<R>,
    (what, name, stack): (&str, &str, &StackName),
    import_id: &Value<String>,
    unique_id: std::result::Result<Option<String>, RoleError>,
) {
    match unique_id {
        // One that is in the state goes before this one comes.
        Ok(Some(id)) if !ctx.data().is_in_state(&id) => ctx.warn(
            Diagnostic::warning(format!("The {what} {name} is there already"))
                .detail(format!(
                    "It carries the tag {STACK_TAG} = {stack}, so it is taken over and made as it is declared here. \
                     That is right after a creation that was interrupted; if another configuration manages it, it \
                     would be managed by both."
                ))
                .at(Path::root().attr("name")),
        ),
        Err(error @ RoleError::NotOurs { .. }) => {
            for error in &fault(&error, R::NAME, import_id.as_str().unwrap_or_default()) {
                let warning = Diagnostic::warning(error.summary()).detail(error.detail_text());
                ctx.warn(warning.at(error.path().clone()));
            }
        }
        Ok(_) | Err(_) => {}
    }
}

/// Whether what is there is what was recorded; another one of the same name is not. Of what was just imported, and of
/// what was not there, nothing is recorded.
pub(crate) fn is_recorded(recorded: &Value<String>, unique_id: &str) -> bool {
    recorded.as_str().is_none_or(|recorded| recorded.is_empty() || recorded == unique_id)
}

/// Fails if the existing object is not the one that was planned for: it has been recreated since.
pub(crate) fn check_same(recorded: &Value<String>, there: Option<&str>) -> Result<()> {
    if there.is_none_or(|there| is_recorded(recorded, there)) {
        return Ok(());
    }
    Err(Diagnostic::error("It is not what was planned for")
        .detail("Somebody has removed it since, and made another one of its name. Plan again.")
        .into())
}

/// A document as it stands in the state: as it was written while it means the same, else as it is.
pub(crate) fn same_document(recorded: &Value<String>, observed: Option<&Document>) -> Value<String> {
    let recorded_document = recorded.as_str().and_then(|text| Document::parse(text).ok());
    match (recorded_document, observed) {
        (Some(recorded_document), Some(observed)) if recorded_document.means_the_same(observed) => recorded.clone(),
        (_, Some(observed)) => observed.minified().into(),
        (_, None) => "".into(),
    }
}

/// The stack as it stands in the state: null when the tag on any of these is not that which was recorded. Of what was
/// just imported it is recorded now.
pub(crate) fn stack_of<'a>(
    recorded: &Value<String>,
    is_imported: bool,
    mut all: impl Iterator<Item = &'a BTreeMap<String, String>>,
) -> Value<String> {
    let of = |tags: &BTreeMap<String, String>| tags.get(STACK_TAG).cloned();
    let first = all.next().and_then(of);
    let same = first.filter(|stack| all.all(|tags| of(tags).as_ref() == Some(stack)));
    same.filter(|stack| is_imported || recorded.as_str() == Some(stack)).into()
}

/// Tags besides the stack's as they stand in the state: one that is not the same on all of these is told with all its
/// values, so that it shows as changed. Null stays null while there are none.
pub(crate) fn tags_of<'a>(
    recorded: &Value<BTreeMap<String, String>>,
    all: impl Iterator<Item = &'a BTreeMap<String, String>>,
) -> Value<BTreeMap<String, String>> {
    let all: Vec<_> = all.collect();
    let keys: BTreeSet<&String> = all.iter().flat_map(|tags| tags.keys()).filter(|key| *key != STACK_TAG).collect();
    let told = keys.into_iter().map(|key| {
        let values: BTreeSet<&str> = all.iter().map(|tags| tags.get(key).map_or("(none)", String::as_str)).collect();
        (key.clone(), values.into_iter().collect::<Vec<_>>().join(" / "))
    });
    let told: BTreeMap<String, String> = told.collect();
    if told.is_empty() && !recorded.is_known() { Value::Null } else { told.into() }
}

/// Whether a tag is nobody's but the user's. IAM tells keys apart whatever their case.
pub(crate) fn is_free_tag_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    !key.starts_with("ringfence:") && !key.starts_with("aws:")
}

/// What is ours when this was the stack in the state.
pub(crate) fn claim(stack: &Value<String>, is_imported: bool) -> Claim {
    match stack.as_str() {
        _ if is_imported => Claim::Imported,
        Some(stack) => Claim::Was(stack.to_owned()),
        None => Claim::Made,
    }
}

/// Managed policies that are attached to a role and not its own.
pub(crate) fn attached(observed: &RoleObserved) -> Value<BTreeSet<String>> {
    observed.foreign().into_iter().collect::<BTreeSet<_>>().into()
}

/// The stack of what is to be removed. What was imported and never applied has none.
pub(crate) fn stack_to_remove(stack: &Value<String>, arn: &Value<String>) -> Result<StackName> {
    let untagged = || {
        Diagnostic::error("It does not carry the stack's tag").detail(format!(
            "{}: what does not carry the tag {STACK_TAG} that it was given is not removed. If it is still this \
             stack's, apply once, so that it is tagged, and destroy then. If not, take it out of the state with \
             `terraform state rm`, which leaves it as it is.",
            arn.as_str().unwrap_or_default()
        ))
    };
    let stack = stack.as_str().ok_or_else(untagged)?;
    StackName::parse(stack).map_err(|_| untagged().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_tag_that_is_not_as_it_was_given_shows_and_is_nobody_elses_by_mistake() {
        let (ours, bare) = (tags(&[(STACK_TAG, "prod"), ("owner", "security")]), tags(&[("owner", "security")]));
        let other = tags(&[(STACK_TAG, "prod"), ("owner", "else"), ("x", "y")]);
        let stack = |recorded: &Value<String>, is_imported, all: &[&BTreeMap<String, String>]| {
            stack_of(recorded, is_imported, all.iter().copied())
        };
        let prod = Value::from("prod");
        assert_eq!(stack(&prod, false, &[&ours, &other]), prod);
        assert_eq!(stack(&prod, false, &[&ours, &bare]), Value::Null);
        assert_eq!(stack(&prod, false, &[&bare, &ours]), Value::Null);
        assert_eq!(stack(&"dev".into(), false, &[&ours]), Value::Null, "it is another stack's now");
        assert_eq!(stack(&Value::Null, false, &[&ours]), Value::Null, "and stays so");
        assert_eq!(stack(&Value::Null, true, &[&ours]), prod);
        let of = |all: &[&BTreeMap<String, String>]| tags_of(&Value::Null, all.iter().copied());
        assert_eq!(of(&[&ours, &bare]), Value::from(tags(&[("owner", "security")])));
        assert_eq!(of(&[&ours, &other]), Value::from(tags(&[("owner", "else / security"), ("x", "(none) / y")])));
        assert_eq!(of(&[&tags(&[(STACK_TAG, "prod")])]), Value::Null);
    }
}
