//! One call: request and answer as bytes, the answer's messages as ours.

use std::future::Future;

use prost::Message;
use tonic::{Request, Response, Status};

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::path::Path;
use crate::proto::tfplugin6 as pb;

/// Asks the service, through the bytes of both messages. A refused call is an error as it is for Terraform.
pub(super) async fn ask<Q, A, F>(name: &str, request: Q, call: impl FnOnce(Request<Q>) -> F) -> Result<A>
where
    Q: Message + Default,
    A: Message + Default,
    F: Future<Output = std::result::Result<Response<A>, Status>>,
{
    let answer = call(Request::new(carried(&request)?)).await.map_err(|status| refused(name, &status))?;
    carried(&answer.into_inner())
}

/// What Terraform tells when a call ends in an error of the transport.
pub(super) fn refused(name: &str, status: &Status) -> Diagnostics {
    let detail = format!("{}: {}. Terraform calls this \"plugin did not respond\".", status.code(), status.message());
    Diagnostic::error(format!("The provider refused {name}")).detail(detail).into()
}

fn carried<M: Message + Default>(message: &M) -> Result<M> {
    M::decode(message.encode_to_vec().as_slice())
        .map_err(|error| Diagnostic::error("A message cannot be carried").detail(error.to_string()).into())
}

/// What an answer tells the user.
pub(super) fn told(messages: &[pb::Diagnostic]) -> Diagnostics {
    let read = messages.iter().map(|message| {
        let diagnostic = match message.severity() {
            pb::diagnostic::Severity::Warning => Diagnostic::warning(&message.summary),
            pb::diagnostic::Severity::Error | pb::diagnostic::Severity::Invalid => Diagnostic::error(&message.summary),
        };
        diagnostic.detail(&message.detail).at(message.attribute.as_ref().map(path).unwrap_or_default())
    });
    read.collect()
}

/// Reads a path.
pub(super) fn path(message: &pb::AttributePath) -> Path {
    use pb::attribute_path::step::Selector;
    message.steps.iter().filter_map(|step| step.selector.as_ref()).fold(Path::root(), |path, step| match step {
        Selector::AttributeName(name) => path.attr(name),
        Selector::ElementKeyString(key) => path.key(key),
        // Indexes that do not fit exist nowhere.
        Selector::ElementKeyInt(index) => path.index(usize::try_from(*index).unwrap_or(usize::MAX)),
    })
}
