//! `provider::ringfence::aws_external_id(text)`.

use ringfence_policy::aws::ExternalId;
use tfplugin_rs::prelude::*;

/// The function.
pub(crate) struct AwsExternalIdFunction;

#[derive(Arguments)]
pub(crate) struct AwsExternalIdArguments {
    /// The external id.
    external_id: String,
}

impl Function for AwsExternalIdFunction {
    type Arguments = AwsExternalIdArguments;
    type Output = String;
    const NAME: &'static str = "aws_external_id";
    const SUMMARY: &'static str = "An external id that AWS takes and nobody guesses";
    const DESCRIPTION: &'static str = "Returns the external id, or fails when AWS would not take it, when it is \
        shorter than 16 characters, or when it cannot have been drawn at random. Draw one with `uuidgen`, or take \
        the `id` of a `random_uuid`.";

    fn call(&self, arguments: AwsExternalIdArguments) -> std::result::Result<String, FunctionError> {
        let checked = ExternalId::parse(&arguments.external_id);
        checked.map(|id| id.as_str().to_owned()).map_err(|rule| FunctionError::new(rule).argument(0))
    }
}
