//! Action `ringfence_rotate_node_certificates`.

use std::collections::BTreeSet;
use std::time::Duration;

use ringfence_api::NodeName;
use tfplugin_rs::prelude::*;

use crate::cluster_argument;
use crate::connection::ConnectionModel;
use crate::ringfence::{Ringfence, failed};

/// The action.
pub(crate) struct RotateNodeCertificates;

/// How long a node may take unless `timeout` says otherwise.
const ROTATE: Duration = Duration::from_mins(5);

/// Replaces every certificate and key of a node and of its services, and revokes the old certificates.
///
/// It ends when the node has installed all new ones. Certificates are renewed without it; use it when a key may be
/// compromised.
#[derive(Clone, Model)]
pub(crate) struct RotateNodeCertificatesModel {
    /// Name of the node, as in the `nodes` of a `ringfence_cluster`.
    #[tf(required, validate = check(NodeName::parse))]
    node: Value<String>,
    /// Cluster: the `connection` of a `ringfence_cluster`. Default: the provider's `cluster`.
    #[tf(optional)]
    cluster: Value<ConnectionModel>,
    /// How long it may take, such as `90s` or `10m`. Default: 5 minutes.
    #[tf(optional, validate = duration())]
    timeout: Value<String>,
}

impl Action for RotateNodeCertificates {
    type Model = RotateNodeCertificatesModel;
    type Data = Ringfence;
    const NAME: &'static str = "ringfence_rotate_node_certificates";

    async fn invoke(&self, ctx: &ActionContext<Ringfence>, config: RotateNodeCertificatesModel) -> Result<()> {
        let node = NodeName::parse(config.node.as_str().unwrap_or_default())
            .map_err(|error| Diagnostic::error("The node is not valid").detail(format!("{error}.")))?;
        let client = ctx.data().client(&cluster_argument::resolve(ctx.data(), &config.cluster)?)?;
        let limit = config.timeout.as_str().and_then(tfplugin_rs::timeouts::parse_duration).unwrap_or(ROTATE);
        ctx.within("rotating the certificates", limit, async {
            let mut rotation = failed(ctx.data(), client.rotate_node(&node).await)?;
            ctx.progress(format!("Node {node} has {} certificates to replace", rotation.certificates.len()));
            let mut told = BTreeSet::new();
            loop {
                for replaced in rotation.certificates.iter().filter(|certificate| certificate.replaced) {
                    if told.insert(replaced.serial.clone()) {
                        let whose =
                            replaced.service.as_ref().map_or_else(|| "the node".to_owned(), ToString::to_string);
                        ctx.progress(format!("Replaced the certificate of {whose}, serial {}", replaced.serial));
                    }
                }
                if rotation.done {
                    return Ok(());
                }
                rotation = failed(ctx.data(), client.rotation_after(&node, rotation.revision).await)?;
            }
        })
        .await
    }
}
