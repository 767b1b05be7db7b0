//! Data sources, ephemeral resources and functions, asked as Terraform asks.

use serde_json::Value as Json;

use super::call::{ask, told};
use super::literal::{Configuration, configured, sent, shown};
use super::rules::{later_repeats_earlier, state_is_storable};
use super::schema::Schema;
use super::{Core, capabilities};
use crate::diagnostic::{Diagnostic, Result};
use crate::function::FunctionError;
use crate::path::Path;
use crate::proto::tfplugin6 as pb;
use crate::proto::tfplugin6::provider_server::Provider as _;
use crate::provider::Provider;
use crate::schema::{Field, Model};
use crate::value::{Dynamic, Type};
use crate::{Timestamp, wire};

/// What was read or opened.
#[derive(Debug)]
pub struct Found(Dynamic);

impl Found {
    /// As JSON.
    pub fn json(&self) -> Json {
        shown(&self.0)
    }

    /// As a model.
    pub fn model<M: Model>(&self) -> Result<M> {
        Ok(M::decode(self.0.clone(), &Path::root())?)
    }
}

impl<P: Provider> Core<P> {
    /// Validates a data source's configuration and reads it.
    pub async fn read_data_source(&self, type_name: &str, config: &impl Configuration) -> Result<Found> {
        let schema = self.schemas().await?.data_source(type_name)?;
        let config = configured(config, &schema)?;
        let message = Some(wire::dynamic(&config, &schema.object_type)?);
        for server in [self.unconfigured(), self.configured()] {
            let request =
                pb::validate_data_resource_config::Request { type_name: type_name.to_owned(), config: message.clone() };
            let answer =
                ask("ValidateDataResourceConfig", request, |request| server.validate_data_resource_config(request));
            self.heard(told(&answer.await?.diagnostics))?;
        }
        known(&config)?;
        let server = self.configured();
        let request = pb::read_data_source::Request {
            type_name: type_name.to_owned(),
            config: message,
            client_capabilities: Some(capabilities()),
            ..Default::default()
        };
        let answer = ask("ReadDataSource", request, |request| server.read_data_source(request)).await?;
        self.heard(told(&answer.diagnostics))?;
        let state = wire::from_dynamic(answer.state.as_ref(), &schema.object_type)?;
        self.result(&schema, &config, state)
    }

    /// Validates an ephemeral resource's configuration and opens it.
    pub async fn open_ephemeral_resource(
        &self,
        type_name: &str,
        config: &impl Configuration,
    ) -> Result<Ephemeral<'_, P>> {
        let schema = self.schemas().await?.ephemeral_resource(type_name)?;
        let config = configured(config, &schema)?;
        let message = Some(wire::dynamic(&config, &schema.object_type)?);
        for server in [self.unconfigured(), self.configured()] {
            let request = pb::validate_ephemeral_resource_config::Request {
                type_name: type_name.to_owned(),
                config: message.clone(),
            };
            let answer = ask("ValidateEphemeralResourceConfig", request, |request| {
                server.validate_ephemeral_resource_config(request)
            });
            self.heard(told(&answer.await?.diagnostics))?;
        }
        known(&config)?;
        let server = self.configured();
        let request = pb::open_ephemeral_resource::Request {
            type_name: type_name.to_owned(),
            config: message,
            client_capabilities: Some(capabilities()),
        };
        let answer = ask("OpenEphemeralResource", request, |request| server.open_ephemeral_resource(request)).await?;
        self.heard(told(&answer.diagnostics))?;
        let result = wire::from_dynamic(answer.result.as_ref(), &schema.object_type)?;
        let renew_at = answer.renew_at.map(instant).transpose()?;
        let opened = answer.private;
        let mut ephemeral = Ephemeral {
            core: self,
            type_name: type_name.to_owned(),
            renewed: opened.clone(),
            opened,
            renew_at,
            result: Found(Dynamic::Null),
        };
        match self.result(&schema, &config, result) {
            Ok(result) => {
                ephemeral.result = result;
                Ok(ephemeral)
            }
            Err(wrong) => {
                ephemeral.close().await?;
                Err(wrong)
            }
        }
    }

    /// Calls a function. As in Terraform, the provider is not configured then, and a null that the function does not
    /// admit never reaches it. Called twice: the same arguments have the same result.
    pub async fn call_function(&self, name: &str, arguments: &[Json]) -> std::result::Result<Json, FunctionError> {
        let words = |error: crate::Diagnostics| FunctionError::new(error.to_string());
        let schemas = self.schemas().await.map_err(words)?;
        let signature =
            schemas.functions.get(name).ok_or_else(|| FunctionError::new(format!("there is no function {name}")))?;
        let mut sent_arguments = Vec::with_capacity(arguments.len());
        if arguments.len() < signature.parameters.len() {
            return Err(FunctionError::new("too few arguments"));
        }
        for (position, argument) in arguments.iter().enumerate() {
            let parameter = signature.parameters.get(position).or(signature.variadic_parameter.as_ref());
            let parameter = parameter.ok_or_else(|| FunctionError::new("too many arguments").argument(position))?;
            let of = declared(&parameter.r#type)?;
            let wrong = |error: crate::Diagnostics| FunctionError::new(error.to_string()).argument(position);
            let value = sent(argument.to_value(), &of).map_err(wrong)?;
            if value.is_null() && !parameter.allow_null_value {
                return Err(FunctionError::new("argument must not be null").argument(position));
            }
            if !value.is_wholly_known() && !parameter.allow_unknown_values {
                return Ok(super::unknown());
            }
            sent_arguments.push(wire::dynamic(&value, &of).map_err(wrong)?);
        }
        let returns = declared(signature.r#return.as_ref().map_or(&[], |returns| returns.r#type.as_slice()))?;
        let server = self.unconfigured();
        let mut results = Vec::new();
        for _ in 0..2 {
            let request = pb::call_function::Request { name: name.to_owned(), arguments: sent_arguments.clone() };
            let answer = ask("CallFunction", request, |request| server.call_function(request)).await.map_err(words)?;
            if let Some(error) = answer.error {
                let wrong = FunctionError::new(error.text);
                let position = error.function_argument.and_then(|position| usize::try_from(position).ok());
                return Err(position.into_iter().fold(wrong, FunctionError::argument));
            }
            results.push(wire::from_dynamic(answer.result.as_ref(), &returns).map_err(words)?);
        }
        if results[0] != results[1] {
            return Err(FunctionError::new("the function answered differently when called again"));
        }
        Ok(shown(&results[0]))
    }

    /// A result that repeats its configuration and is complete.
    fn result(&self, schema: &Schema, config: &Dynamic, state: Dynamic) -> Result<Found> {
        self.heard(state_is_storable(schema, &state, "reading"))?;
        // Nobody configures what is computed, so it may become anything.
        let expected = unknowns_for_computed(schema, config);
        self.heard(later_repeats_earlier(schema, &expected, &state, "Provider changed what is configured"))?;
        Ok(Found(state))
    }
}

/// An ephemeral resource that is open. Close it: nobody else does.
#[derive(Debug)]
pub struct Ephemeral<'a, P: Provider> {
    core: &'a Core<P>,
    type_name: String,
    opened: Option<Vec<u8>>,
    renewed: Option<Vec<u8>>,
    /// When it wants to be renewed.
    pub renew_at: Option<Timestamp>,
    /// What configurations see.
    pub result: Found,
}

impl<P: Provider> Ephemeral<'_, P> {
    /// Renews it, as Terraform does when the time has come.
    pub async fn renew(&mut self) -> Result<()> {
        let server = self.core.configured();
        let request =
            pb::renew_ephemeral_resource::Request { type_name: self.type_name.clone(), private: self.renewed.clone() };
        let answer = ask("RenewEphemeralResource", request, |request| server.renew_ephemeral_resource(request)).await?;
        self.core.heard(told(&answer.diagnostics))?;
        self.renewed = answer.private;
        self.renew_at = answer.renew_at.map(instant).transpose()?;
        Ok(())
    }

    /// Closes it. Like Terraform 1.11, it gives the provider the private value of opening.
    pub async fn close(self) -> Result<()> {
        let server = self.core.configured();
        let request =
            pb::close_ephemeral_resource::Request { type_name: self.type_name.clone(), private: self.opened.clone() };
        let answer = ask("CloseEphemeralResource", request, |request| server.close_ephemeral_resource(request)).await?;
        self.core.heard(told(&answer.diagnostics))
    }
}

fn instant(at: prost_types::Timestamp) -> Result<Timestamp> {
    Ok(Timestamp::new(at.seconds, at.nanos)
        .map_err(|error| Diagnostic::error("The time of renewal is none").detail(error.to_string()))?)
}

fn declared(of: &[u8]) -> std::result::Result<Type, FunctionError> {
    Type::from_json(of).map_err(|_| FunctionError::new("the function declares a type that cannot be read"))
}

fn known(config: &Dynamic) -> Result<()> {
    if config.is_wholly_known() {
        return Ok(());
    }
    let detail = "Terraform waits with this until everything is known; only validation was made.";
    Err(Diagnostic::error("The configuration is not known yet").detail(detail).into())
}

fn unknowns_for_computed(schema: &Schema, config: &Dynamic) -> Dynamic {
    let Dynamic::Map(fields) = config else { return config.clone() };
    let mut fields = fields.clone();
    for attribute in &schema.attributes {
        let value = fields.entry(attribute.name.clone()).or_default();
        let nested = matches!(attribute.kind, super::schema::Kind::Nested(..));
        if nested || attribute.write_only || (attribute.computed && value.is_null()) {
            *value = Dynamic::Unknown;
        }
    }
    Dynamic::Map(fields)
}
