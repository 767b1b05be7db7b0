//! The targets of a `ringfence_cluster`. Only this file tells them apart, and `target::of_import_id` for import ids. A
//! new one is an attribute in `model.rs`, its arms here, and a module in `provider/src/target/`.

use ringfence_api::Connection;
use tfplugin_rs::prelude::*;

use super::model::ClusterModel;
use crate::connection::ConnectionModel;
use crate::target::{self, LocalModel, Target, TargetModel};

impl ClusterModel {
    /// The attributes of its target.
    pub(super) fn target_model(&self) -> Option<&dyn TargetModel> {
        match self {
            Self { local: Value::Known(local), .. } => Some(local),
            _ => None,
        }
    }

    /// Its target; none while its place is unknown. Whoever knows its root knows that its head was there.
    pub(super) fn target(&self) -> Option<Box<dyn Target>> {
        self.target_model()?.target(self.ca_certificate.is_known())
    }

    /// Its target, during an apply, when everything is known.
    pub(super) fn known_target(&self) -> Result<Box<dyn Target>> {
        self.target()
            .ok_or_else(|| Diagnostic::error("The cluster has no target").at(Path::root().attr("local")).into())
    }

    /// Checks that exactly one target is declared, and that this version has it.
    pub(super) fn validate_target(&self, out: &mut Diagnostics) {
        let targets =
            [("local", self.local.presence()), ("aws", self.aws.presence()), ("azure", self.azure.presence())];
        exactly_one_of(&targets, out);
        for (target, presence) in &targets[1..] {
            if *presence == Presence::Present && self.local.is_null() {
                out.push(
                    Diagnostic::error(format!("The target {target} is not available in this version"))
                        .detail("Use `local`.")
                        .at(Path::root().attr(*target)),
                );
            }
        }
    }

    /// The same cluster with this connection.
    pub(super) fn connected(self, connection: &Connection) -> Self {
        Self {
            id: connection.cluster_id.to_string().into(),
            endpoint: connection.endpoint.clone().into(),
            ca_certificate: connection.ca_certificate.clone().into(),
            connection: ConnectionModel::from(connection).into(),
            local: self.local.map(|local| local.reached(connection)),
            ..self
        }
    }

    /// What an import id tells about a cluster.
    pub(super) fn imported(id: &str) -> Result<Self> {
        let connection = target::of_import_id(id).connection()?;
        Ok(Self {
            running: true.into(),
            deletion_protection: true.into(),
            local: LocalModel::imported(id, &connection).into(),
            id: connection.cluster_id.to_string().into(),
            ..Self::default()
        })
    }
}
