//! What the resources that make roles have in common.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_cloud::aws::{AwsAccount, AwsIdentity, Document, RoleError, RoleObserved, STACK_TAG};
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

/// The same when planning, as far as AWS can be asked: whoever plans without credentials is told when applying.
pub(crate) async fn check_account(data: &Ringfence, account_id: &Value<String>) -> Result<()> {
    let Some(account) = data.aws().await else { return Ok(()) };
    let Ok(caller) = account.identity().await else { return Ok(()) };
    another_account(account_id, &caller).map_or(Ok(()), |error| Err(error.into()))
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

/// Tags besides the one that we set.
fn more_tags(tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    tags.iter().filter(|(key, _)| *key != STACK_TAG).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Tags as they stand in the state: null stays null while there are none.
pub(crate) fn as_state(
    recorded: &Value<BTreeMap<String, String>>,
    tags: &BTreeMap<String, String>,
) -> Value<BTreeMap<String, String>> {
    let tags = more_tags(tags);
    if tags.is_empty() && !recorded.is_known() { Value::Null } else { tags.into() }
}

/// Managed policies that somebody has attached to a role of ours.
pub(crate) fn attached(observed: &RoleObserved) -> Value<BTreeSet<String>> {
    observed.attached.iter().cloned().collect::<BTreeSet<_>>().into()
}

/// An error of AWS as users see it.
pub(crate) fn fault(error: &RoleError, resource: &str) -> Diagnostics {
    match error {
        RoleError::NotOurs { what, name, stack } => Diagnostic::error(format!("The {what} {name} exists and is not ours"))
            .detail(format!(
                "It does not carry the tag {STACK_TAG} = {stack}, so it was left as it is. Choose another name, or let \
                 Terraform take it over, which replaces its policies:\n\nimport {{\n  to = {resource}.NAME\n  id = {name:?}\n}}"
            ))
            .at(Path::root().attr("name"))
            .into(),
        RoleError::OtherPath { .. } => Diagnostic::error("The path cannot be changed")
            .detail(format!("{error}. Use that path, or another name."))
            .at(Path::root().attr("name"))
            .into(),
        RoleError::Aws(error) if error.is_refusal() => Diagnostic::error("AWS refuses this")
            .detail(format!("{error}. Whoever runs Terraform needs this right; ringfence's own role does not."))
            .into(),
        RoleError::NotSeen { .. } => Diagnostic::error("AWS is slow to show what was made")
            .detail(format!("{error}, after a minute. Apply again: it is found by its tag."))
            .into(),
        other => Diagnostic::error("AWS did not do what was asked").detail(format!("{other}.")).into(),
    }
}
