//! Actions, invoked as Terraform invokes them.

use futures::StreamExt;

use super::call::{ask, refused, told};
use super::literal::{Configuration, configured};
use super::{Core, capabilities};
use crate::diagnostic::{Diagnostic, Result};
use crate::proto::tfplugin6 as pb;
use crate::proto::tfplugin6::invoke_action::event::Type;
use crate::proto::tfplugin6::provider_server::Provider as _;
use crate::provider::Provider;
use crate::wire;

impl<P: Provider> Core<P> {
    /// Validates, plans and invokes an action. Returns what it told of its progress.
    pub async fn invoke(&self, type_name: &str, config: &impl Configuration) -> Result<Vec<String>> {
        let schema = self.schemas().await?.action(type_name)?;
        let config = Some(wire::dynamic(&configured(config, &schema)?, &schema.object_type)?);
        for server in [self.unconfigured(), self.configured()] {
            let request =
                pb::validate_action_config::Request { type_name: type_name.to_owned(), config: config.clone() };
            let answer = ask("ValidateActionConfig", request, |request| server.validate_action_config(request)).await?;
            self.heard(told(&answer.diagnostics))?;
        }
        let (action_type, client_capabilities) = (type_name.to_owned(), Some(capabilities()));
        let server = self.configured();
        let request =
            pb::plan_action::Request { action_type: action_type.clone(), config: config.clone(), client_capabilities };
        let answer = ask("PlanAction", request, |request| server.plan_action(request)).await?;
        self.heard(told(&answer.diagnostics))?;
        let request = pb::invoke_action::Request { action_type, config, client_capabilities };
        let refused = |status| refused("InvokeAction", &status);
        let mut events = server.invoke_action(tonic::Request::new(request)).await.map_err(refused)?.into_inner();
        let mut progress = Vec::new();
        while let Some(event) = events.next().await {
            match event.map_err(refused)?.r#type {
                Some(Type::Progress(told)) => progress.push(told.message),
                Some(Type::Completed(done)) => {
                    self.heard(told(&done.diagnostics))?;
                    return Ok(progress);
                }
                None => {}
            }
        }
        Err(Diagnostic::error("The action did not complete").detail("Its last event must say how it ended.").into())
    }
}
