//! Calls that change nothing: data sources and functions.

use super::{Server, checked, named, reported};
use crate::diagnostic::{Diagnostics, Result};
use crate::erased::AnyDataSource;
use crate::function::FunctionError;
use crate::proto::tfplugin6 as pb;
use crate::provider::{Entry, Provider};
use crate::validate::WriteOnly;
use crate::value::Dynamic;
use crate::wire;

impl<P: Provider> Server<P> {
    pub(super) fn validate_data_resource_config(
        &self,
        request: &pb::validate_data_resource_config::Request,
    ) -> pb::validate_data_resource_config::Response {
        let validated = || {
            let entry = self.data_source(&request.type_name)?;
            let rules = |config| entry.inner.validate_config(config);
            checked(&entry.described, request.config.as_ref(), WriteOnly::Accept, rules)
        };
        pb::validate_data_resource_config::Response { diagnostics: reported(validated()) }
    }

    pub(super) async fn read_data_source(
        &self,
        request: pb::read_data_source::Request,
    ) -> pb::read_data_source::Response {
        let mut diagnostics = Diagnostics::new();
        let read = async {
            let entry = self.data_source(&request.type_name)?;
            let described = &*entry.described;
            let config = wire::from_dynamic(request.config.as_ref(), &described.object_type)?;
            let (context, deferred) = self.deferrable(request.client_capabilities, &config)?;
            let context = context.with_meta(self.meta(request.provider_meta.as_ref())?);
            if deferred.is_some() {
                return Ok((wire::dynamic(&Dynamic::Unknown, &described.object_type)?, deferred));
            }
            let read = entry.inner.read_config(described, &context, config).await;
            diagnostics.extend(context.take_warnings());
            Ok::<_, Diagnostics>((wire::dynamic(&read?, &described.object_type)?, context.deferred()))
        }
        .await;
        let (state, deferred) = read.map_err(|errors| diagnostics.extend(errors)).ok().unzip();
        pb::read_data_source::Response {
            state,
            diagnostics: wire::diagnostics(&diagnostics),
            deferred: deferred.flatten().map(wire::deferred),
        }
    }

    pub(super) fn call_function(&self, request: &pb::call_function::Request) -> pb::call_function::Response {
        let called = || -> std::result::Result<pb::DynamicValue, FunctionError> {
            let entry = self
                .registry
                .functions
                .get(request.name.as_str())
                .ok_or_else(|| FunctionError::new(format!("there is no function {}", request.name)))?;
            let signature = &*entry.signature;
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

    fn data_source(&self, name: &str) -> Result<&Entry<dyn AnyDataSource<P::Data>>> {
        named(&self.registry.data_sources, "data source", name).map(AsRef::as_ref)
    }
}
