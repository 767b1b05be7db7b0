//! AWS's documents between Terraform's words and the library's. Pure.
//!
//! The same attributes stand in a function's argument, in its data-source twin and in the resource that makes the role,
//! so they are written once, in macros that add them to a model. What they may say is checked by the request types of
//! `ringfence_policy`.

#[cfg(feature = "aws")]
mod account;
mod cross_account;
mod node_role;
mod rendered;
mod request;
#[cfg(feature = "aws")]
mod role;
#[cfg(feature = "aws")]
mod role_error;
mod trust;

#[cfg(feature = "aws")]
pub(crate) use account::{account, account_in, account_of, account_to_make_in};
pub(crate) use cross_account::{InstanceProfileModel, cross_account_model, known_profiles};
pub(crate) use node_role::node_role_model;
pub(crate) use rendered::{RenderedModel, StatementModel};
pub(crate) use request::{PartialRequest, known};
#[cfg(feature = "aws")]
pub(crate) use role::{
    AwsNameIdentity, attached, check_same, claim, is_free_tag_key, is_recorded, parsed, planned_documents,
    same_document, stack_of, stack_to_remove, tags_of, warn_of_existing,
};
#[cfg(feature = "aws")]
pub(crate) use role_error::{call_failed, capital, fault, invalid, may_be_made};
pub(crate) use trust::trust_request;

use ringfence_policy::aws::Fault;
use tfplugin_rs::prelude::*;

/// Says what is wrong at the attributes.
pub(crate) fn report(summary: &str, faults: Vec<Fault>, out: &mut Diagnostics) {
    for Fault { attribute, problem } in faults {
        out.push(
            Diagnostic::error(summary).detail(format!("`{attribute}`: {problem}.")).at(Path::root().attr(attribute)),
        );
    }
}

/// What is right; or what is wrong, at the attributes.
pub(crate) fn or_report<T>(summary: &str, checked: std::result::Result<T, Vec<Fault>>) -> Result<T> {
    checked.map_err(|faults| {
        let mut out = Diagnostics::new();
        report(summary, faults, &mut out);
        out
    })
}

/// What is asked for holds something that is not known, where all of it must be.
pub(crate) fn not_known(summary: &str) -> Diagnostics {
    Diagnostic::error(summary).detail("Not everything about it is known.").into()
}

/// The first fault as the error of a function, whose only argument is the request.
#[allow(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(crate) fn refused(faults: Vec<Fault>) -> FunctionError {
    let text = faults.first().map_or_else(|| "it cannot be used".to_owned(), ToString::to_string);
    FunctionError::new(text).argument(0)
}
