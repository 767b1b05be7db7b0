//! A failed call to a daemon, as a diagnostic in the user's words.

use ringfence_api::{ClientError, ProblemCode};
use tfplugin_rs::prelude::*;

use crate::operator_token::Token;

/// The diagnostic of a failed call. It never carries a secret: a token is named by its origin.
pub(crate) fn of(token: &Token, error: &ClientError) -> Diagnostics {
    let diagnostic = match error {
        ClientError::Unreachable { endpoint, tried_for, source } => {
            Diagnostic::error("The cluster's daemon does not answer").detail(format!(
                "Tried {endpoint} for {:.0} s: {}. Nothing was changed, and nothing was removed from the state. \
                 If the cluster was stopped or its head was killed, apply the configuration that holds the \
                 ringfence_cluster, with `running = true`; it is started again. If the cluster does not exist any \
                 more, remove what was in it from the state with `terraform state rm`.",
                tried_for.as_secs_f64(),
                root_cause(source)
            ))
        }
        ClientError::Refused(problem) if problem.code == ProblemCode::LoginRefused => {
            Diagnostic::error("The daemon refused the operator token").detail(format!(
                "The token was read from {}. The daemon says: {}. Use the token that the cluster has now: the one it \
                 was created with, or the last one it was given.",
                token.origin(),
                problem.detail
            ))
        }
        ClientError::NotTheApi { endpoint } => {
            Diagnostic::error("The server is not the cluster's API").detail(format!(
                "{endpoint} shows a certificate of the cluster that is not for its API. Nothing was sent to it. If a \
                 daemon of an earlier version runs there, apply the configuration that holds the ringfence_cluster: \
                 its head is restarted with this version; a daemon that you start yourself you also restart yourself. \
                 Otherwise another service has taken the API's address."
            ))
        }
        ClientError::OtherCluster { endpoint, found, wanted } => Diagnostic::error("The daemon is of another cluster")
            .detail(format!(
                "{endpoint} serves cluster {found}, and the connection is of {wanted}. Use the `connection` that its \
                 ringfence_cluster has now."
            )),
        ClientError::Refused(problem) => Diagnostic::error(problem.title.clone())
            .detail(format!("The daemon says: {} ({}).", problem.detail, problem.code)),
        other => Diagnostic::error("The call to the cluster's daemon failed").detail(format!("{other}.")),
    };
    diagnostic.into()
}

/// The diagnostic of a creation that met what exists: what to write to take it over instead.
pub(crate) fn of_creating(token: &Token, error: &ClientError, resource: &str, import_id: &str) -> Diagnostics {
    let ClientError::Refused(problem) = error else { return of(token, error) };
    if problem.code != ProblemCode::AlreadyExists {
        return of(token, error);
    }
    exists(&format!("The daemon says: {}", problem.detail), resource, import_id)
}

/// What was to be created exists already as something else.
pub(crate) fn exists(what: &str, resource: &str, import_id: &str) -> Diagnostics {
    let detail = format!(
        "{what}. Nothing was changed. To manage it here from now on, import it and plan again:\n\n  \
         import {{\n    to = {resource}.NAME\n    id = \"{import_id}\"\n  }}"
    );
    Diagnostic::error("It exists already").detail(detail).into()
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
