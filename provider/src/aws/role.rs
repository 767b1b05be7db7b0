//! What the resources that make roles have in common.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_place::aws::{AwsAccount, AwsError, AwsIdentity, Claim, RoleError, RoleObserved};
use ringfence_policy::aws::{AwsNameError, Document, STACK_TAG, StackName};
use tfplugin_rs::prelude::*;

use crate::ringfence::Ringfence;

/// The account, which must be known by now.
pub(crate) async fn account(data: &Ringfence) -> Result<&AwsAccount> {
    data.aws().await.ok_or_else(|| {
        Diagnostic::error("AWS cannot be reached yet")
            .detail(
                "The provider's `aws` holds values that are known only after an apply. Apply those first (-target).",
            )
            .into()
    })
}

/// The account, which must be the one that the documents are for.
pub(crate) async fn account_of<'a>(data: &'a Ringfence, account_id: &Value<String>) -> Result<&'a AwsAccount> {
    let account = account(data).await?;
    let caller = account.identity().await.map_err(|error| {
        Diagnostic::error("AWS does not know who calls")
            .detail(format!("{error}. Check the credentials of the provider."))
    })?;
    another_account(account_id, &caller).map_or(Ok(account), |error| Err(error.into()))
}

/// The account in which something is to be made, as far as AWS can be asked: whoever plans without credentials is told
/// when applying. None for what is there, which stays where it is.
pub(crate) async fn account_to_make_in<'a>(
    data: &'a Ringfence,
    prior: Option<&Value<String>>,
    account_id: &Value<String>,
) -> Result<Option<&'a AwsAccount>> {
    if let Some(prior) = prior {
        check_moved(prior, account_id)?;
        return Ok(None);
    }
    let Some(account) = data.aws().await else { return Ok(None) };
    let Ok(caller) = account.identity().await else { return Ok(None) };
    another_account(account_id, &caller).map_or(Ok(Some(account)), |error| Err(error.into()))
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

/// Fails when what is there is another one than what was planned for: somebody has made it anew since.
pub(crate) fn check_same(recorded: &Value<String>, there: Option<&str>) -> Result<()> {
    match (recorded.as_str().filter(|recorded| !recorded.is_empty()), there) {
        (Some(recorded), Some(there)) if recorded != there => Err(Diagnostic::error("It is not what was planned for")
            .detail("Somebody has removed it since, and made another one of its name. Plan again.")
            .into()),
        _ => Ok(()),
    }
}

/// The account of what is there, which a change cannot move.
fn check_moved(prior: &Value<String>, planned: &Value<String>) -> Result<()> {
    match (prior.as_str(), planned.as_str()) {
        (Some(prior), Some(planned)) if prior != planned => {
            Err(Diagnostic::error("It cannot be moved to another account")
                .detail(format!(
                    "It is in {prior}, and {planned} is asked for. Destroy it there first, or give the new \
                 one a resource of its own."
                ))
                .at(Path::root().attr("account_id"))
                .into())
        }
        _ => Ok(()),
    }
}

fn another_account(account_id: &Value<String>, caller: &AwsIdentity) -> Option<Diagnostic> {
    let wanted = account_id.as_str().filter(|wanted| *wanted != caller.account)?;
    Some(
        Diagnostic::error("The provider is in another account")
            .detail(format!("Its credentials are those of {} in account {}, not {wanted}.", caller.arn, caller.account))
            .at(Path::root().attr("account_id")),
    )
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

/// The account in an ARN.
pub(crate) fn account_in(arn: &str) -> Value<String> {
    arn.split(':').nth(4).map(str::to_owned).into()
}

/// Managed policies that somebody has attached to a role of ours.
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

/// A name that is not one.
pub(crate) fn invalid(error: &AwsNameError) -> Diagnostic {
    Diagnostic::error("A name cannot be used").detail(format!("{error}."))
}

/// An error of AWS about a resource, and the id that it would be imported with, as users see it.
pub(crate) fn fault(error: &RoleError, resource: &str, id: &str) -> Diagnostics {
    let at = |what: &str| {
        let of_profile = resource == "ringfence_aws_instance_profile" && what == "role";
        Path::root().attr(if of_profile { "role_name" } else { "name" })
    };
    match error {
        RoleError::NotOurs { what: what @ "policy", name, stack } => {
            Diagnostic::error("A policy stands where the role's own would, and is not ours")
                .detail(format!(
                    "{name} does not carry the tag {STACK_TAG} = {stack}, so it is left as it is. If it is the \
                     stack's, give it the tag; if not, detach it from the role and delete it, or choose another name \
                     for the role."
                ))
                .at(at(what))
                .into()
        }
        RoleError::NotOurs { what, name, stack } => Diagnostic::error(format!(
            "The {what} {name} exists and is not ours"
        ))
        .detail(format!(
            "It does not carry the tag {STACK_TAG} = {stack}, so it is left as it is. Choose another name, or let \
                 Terraform take it over, which replaces its policies:\n\n\
                 import {{\n  to = {resource}.NAME\n  id = {id:?}\n}}"
        ))
        .at(at(what))
        .into(),
        RoleError::AnotherRole { .. } => Diagnostic::error("The stack has another role of this name")
            .detail(format!("{}. Choose another name.", capital(&error.to_string())))
            .at(at("role"))
            .into(),
        RoleError::InAnotherProfile { .. } => Diagnostic::error("Another instance profile holds the role")
            .detail(format!(
                "{}, so nothing was changed. Take it out there, or name another role.",
                capital(&error.to_string())
            ))
            .at(at("role"))
            .into(),
        RoleError::PolicyShared { .. } => Diagnostic::error("Something else has a policy of the role's own")
            .detail(format!("{}, so nothing was changed. Detach it there.", capital(&error.to_string())))
            .at(at("role"))
            .into(),
        RoleError::NotSeen { what: what @ "policy", name } => Diagnostic::error("AWS is slow to show what was made")
            .detail(format!(
                "AWS has the {what} {name} and does not show it, after a minute. Names of policies are unique \
                 whatever their path and case, so look whether there is another one of this name; if not, apply \
                 again."
            ))
            .into(),
        RoleError::OtherPath { what, .. } => Diagnostic::error("The path cannot be changed")
            .detail(format!("{}. Use that path, or another name.", capital(&error.to_string())))
            .at(at(what))
            .into(),
        RoleError::Aws(error) => {
            call_failed(error, "Whoever runs Terraform needs this right; ringfence's own role does not")
        }
        RoleError::NotSeen { .. } => Diagnostic::error("AWS is slow to show what was made")
            .detail(format!(
                "{}, after a minute. Apply again: it is found by its name and tag.",
                capital(&error.to_string())
            ))
            .into(),
        RoleError::Unreadable(_) => {
            Diagnostic::error("AWS did not do what was asked").detail(format!("{error}.")).into()
        }
    }
}

/// Whether something may have been made before this went wrong; else it was told before the first change.
pub(crate) fn may_be_made(error: &RoleError) -> bool {
    matches!(error, RoleError::Aws(_) | RoleError::NotSeen { .. } | RoleError::Unreadable(_))
}

/// A call that failed, with who needs the right to make it.
pub(crate) fn call_failed(error: &AwsError, right: &str) -> Diagnostics {
    if error.is_refusal() {
        return Diagnostic::error("AWS refuses this").detail(format!("{error}. {right}.")).into();
    }
    Diagnostic::error("AWS did not do what was asked").detail(format!("{error}.")).into()
}

/// A sentence begins so.
pub(crate) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
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
