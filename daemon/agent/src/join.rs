//! Joining: a ticket and a new key become the node's own certificate.

use ringfence_api::node::PutJoin;
use ringfence_api::{Client, NodeName};
use tracing::info;

use crate::disk::Disk;
use crate::error::AgentError;

/// Joins if a ticket lies on disk. Returns whether there was one.
///
/// Repeatable at any point: the key is kept until the certificate is installed, and the daemon gives the owner of
/// a ticket a certificate as often as it asks while the ticket lasts.
pub(crate) async fn join(client: &Client, disk: &Disk, node: &NodeName) -> Result<bool, AgentError> {
    let Some(ticket) = disk.ticket()? else { return Ok(false) };
    let key = disk.joining_key()?;
    let put = PutJoin { ticket: ticket.to_string(), csr: key.request(node.as_str())? };
    let issued = client.join(node, &put).await?;
    disk.install_node(&issued.serial, &issued.chain, &key)?;
    disk.remove_ticket()?;
    disk.remove_joining_key()?;
    info!(node = %node, cert.serial = issued.serial, "joined");
    Ok(true)
}
