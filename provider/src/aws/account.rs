//! The account that the provider reaches, and whether it is the one that is asked for.

use ringfence_place::aws::{AwsAccount, AwsIdentity};
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

/// The account of what is there, which a change cannot move.
fn check_moved(prior: &Value<String>, planned: &Value<String>) -> Result<()> {
    match (prior.as_str(), planned.as_str()) {
        (Some(prior), Some(planned)) if prior != planned => {
            Err(Diagnostic::error("It cannot be moved to another account")
                .detail(format!(
                    "It is in {prior}, and {planned} is asked for. Destroy it there first, or give the new one a \
                     resource of its own."
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

/// The account in an ARN.
pub(crate) fn account_in(arn: &str) -> Value<String> {
    arn.split(':').nth(4).map(str::to_owned).into()
}
