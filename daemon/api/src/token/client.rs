//! Keys that sign tokens, as a client of the daemon.

use super::{Jwks, RotateTokenKeys, TokenKey, route};
use crate::client::{Client, ClientError};

impl Client {
    /// The keys by which tokens are verified.
    pub async fn jwks(&self) -> Result<Jwks, ClientError> {
        self.ask(&route::READ_JWKS, &[]).await
    }

    /// The keys that sign tokens, newest first.
    pub async fn token_keys(&self) -> Result<Vec<TokenKey>, ClientError> {
        self.ask(&route::LIST_TOKEN_KEYS, &[]).await
    }

    /// Lets the next key sign from now on. After a lost answer it may happen twice, which harms no token.
    pub async fn rotate_token_keys(&self) -> Result<Vec<TokenKey>, ClientError> {
        self.give(&route::ROTATE_TOKEN_KEYS, &[], &RotateTokenKeys { compromised: false }).await
    }

    /// Erases the keys that sign tokens, ends every token, and lets another key sign.
    pub async fn rotate_compromised_token_keys(&self) -> Result<Vec<TokenKey>, ClientError> {
        self.give(&route::ROTATE_TOKEN_KEYS, &[], &RotateTokenKeys { compromised: true }).await
    }
}
