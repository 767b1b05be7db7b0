//! The master key, as a client of the daemon.

use super::{MasterKeyState, route};
use crate::client::{Client, ClientError};

impl Client {
    /// The versions of the master key.
    pub async fn master_key(&self) -> Result<MasterKeyState, ClientError> {
        self.ask(&route::READ_MASTER_KEY, &[]).await
    }

    /// Seals with a newer version of the master key from now on. The rest is sealed anew in the background.
    pub async fn rotate_master_key(&self) -> Result<MasterKeyState, ClientError> {
        self.ask(&route::ROTATE_MASTER_KEY, &[]).await
    }
}
