//! Login and session.

use reqwest::Method;

use super::{Client, ClientError, NO_BODY, Request};
use crate::login::route::{POST_LOGIN, POST_NONCE, PUT_OPERATOR_KEY};
use crate::login::{Login, LoginNonce, PutLogin, message};
use crate::operator::{OperatorKeys, PutOperatorKey};
use crate::problem::{Problem, ProblemCode};

impl Client {
    /// Logs in as the operator.
    pub async fn login(&self) -> Result<Login, ClientError> {
        match self.answer_nonce().await {
            // A nonce is answered once. If the daemon's word on it was lost, it was asked again and refused; another
            // nonce tells that apart from a token that is not the cluster's.
            Err(error) if error.code() == Some(ProblemCode::LoginRefused) => self.answer_nonce().await,
            answer => answer,
        }
    }

    async fn answer_nonce(&self) -> Result<Login, ClientError> {
        let Some(operator) = &self.inner.operator else {
            return Err(ClientError::Refused(Box::new(Problem::new(
                ProblemCode::Unauthenticated,
                "this client holds no operator key to log in with",
            ))));
        };
        let (path, timeout) = (POST_NONCE.path(&[]), POST_NONCE.operation().may_take);
        let asked = Request { method: Method::POST, path: &path, timeout };
        let answer = self.exchange(&operator.http, &asked, NO_BODY, None).await?;
        let nonce: LoginNonce = self.read_answer(&asked, &answer)?;
        let Some(server) = answer.server else {
            return Err(self.unreadable(&asked, "the server showed no certificate".to_owned()));
        };
        if nonce.cluster_id != self.inner.connection.cluster_id {
            return Err(ClientError::OtherCluster {
                endpoint: self.inner.connection.endpoint.clone(),
                found: nonce.cluster_id,
                wanted: self.inner.connection.cluster_id,
            });
        }
        let text = message(&self.inner.connection.cluster_id, &nonce.nonce, &self.inner.ca_fingerprint, &server);
        let answer = PutLogin { signature: operator.key.sign(&text), nonce: nonce.nonce };
        self.give(&POST_LOGIN, &[], &answer).await
    }

    /// The session in hand, or a new one if there is none or it is the one that `ended`.
    pub(super) async fn session(&self, ended: Option<&str>) -> Result<String, ClientError> {
        let mut session = self.inner.session.lock().await;
        match &*session {
            Some(held) if ended != Some(held) => Ok(held.clone()),
            _ => {
                let login = self.login().await?;
                *session = Some(login.session.clone());
                Ok(login.session)
            }
        }
    }

    /// Gives the cluster another operator token. The one before is good until the new one has logged in.
    pub async fn put_operator_key(&self, put: &PutOperatorKey) -> Result<OperatorKeys, ClientError> {
        self.give(&PUT_OPERATOR_KEY, &[], put).await
    }
}
