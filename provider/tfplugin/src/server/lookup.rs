//! Calls that change nothing: data sources and functions.

use super::{Server, absent};
use crate::diagnostic::{Diagnostics, Result};
use crate::function::FunctionError;
use crate::path::Path;
use crate::proto::tfplugin6 as pb;
use crate::provider::Provider;
use crate::validate::{WriteOnly, validate};
use crate::wire;

impl<P: Provider> Server<P> {
    pub(super) fn validate_data_resource_config(
        &self,
        request: &pb::validate_data_resource_config::Request,
    ) -> pb::validate_data_resource_config::Response {
        let validated = || -> Result<Diagnostics> {
            let entry = self.data_source(&request.type_name)?;
            let described = entry.described();
            let config = wire::from_dynamic(request.config.as_ref(), &described.object_type)?;
            let mut out = Diagnostics::new();
            validate(&described.schema.attributes, &config, WriteOnly::Accept, &Path::root(), &mut out);
            out.extend(entry.inner.validate_config(config));
            Ok(out)
        };
        let diagnostics = wire::diagnostics(&validated().unwrap_or_else(|errors| errors));
        pb::validate_data_resource_config::Response { diagnostics }
    }

    pub(super) async fn read_data_source(
        &self,
        request: pb::read_data_source::Request,
    ) -> pb::read_data_source::Response {
        let mut diagnostics = Diagnostics::new();
        let read = async {
            let entry = self.data_source(&request.type_name)?;
            let described = entry.described();
            let config = wire::from_dynamic(request.config.as_ref(), &described.object_type)?;
            let context = self.context()?;
            let read = entry.inner.read_config(described, &context, config).await;
            diagnostics.extend(context.take_warnings());
            wire::dynamic(&read?, &described.object_type)
        }
        .await;
        let state = read.map_err(|errors| diagnostics.extend(errors)).ok();
        pb::read_data_source::Response { state, diagnostics: wire::diagnostics(&diagnostics), deferred: None }
    }

    pub(super) fn call_function(&self, request: &pb::call_function::Request) -> pb::call_function::Response {
        let called = || -> std::result::Result<pb::DynamicValue, FunctionError> {
            let entry = self
                .registry
                .functions
                .get(request.name.as_str())
                .ok_or_else(|| FunctionError::new(format!("there is no function {}", request.name)))?;
            let signature = entry.signature();
            let mut values = Vec::with_capacity(request.arguments.len());
            for (position, argument) in request.arguments.iter().enumerate() {
                let parameter = signature.parameters.get(position).or(signature.parameters.last());
                let parameter = parameter.ok_or_else(|| FunctionError::new("too many arguments"))?;
                let value = wire::from_dynamic(Some(argument), &parameter.declared)
                    .map_err(|errors| FunctionError::new(errors.to_string()).argument(position))?;
                values.push(value);
            }
            let result = entry.inner.call_with(signature, values)?;
            wire::dynamic(&result, &signature.returns).map_err(|errors| FunctionError::new(errors.to_string()))
        };
        match called() {
            Ok(result) => pb::call_function::Response { result: Some(result), error: None },
            Err(error) => pb::call_function::Response {
                result: None,
                error: Some(pb::FunctionError { text: error.text, function_argument: error.argument }),
            },
        }
    }

    fn data_source(&self, name: &str) -> Result<&crate::provider::Entry<dyn crate::erased::AnyDataSource<P::Data>>> {
        self.registry.data_sources.get(name).ok_or_else(|| absent("data source", name))
    }
}
