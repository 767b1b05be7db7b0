//! Who calls, as a client of the daemon.

use super::{Caller, route};
use crate::client::{Client, ClientError};

impl Client {
    /// Who the daemon takes us for.
    pub async fn whoami(&self) -> Result<Caller, ClientError> {
        self.ask(&route::READ_WHOAMI, &[]).await
    }
}
