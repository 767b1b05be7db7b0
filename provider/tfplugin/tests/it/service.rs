//! The provider's service, called with bytes instead of messages: any call of the protocol, well formed or not.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tfplugin_rs::proto::tfplugin6::provider_server::{Provider, ProviderServer};
use tonic::Code;
use tonic::body::Body;
use tower::ServiceExt;

/// A length, a flag, a message.
pub(crate) fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a small message");
    [&[0], length.to_be_bytes().as_slice(), message].concat()
}

/// The messages in a body.
pub(crate) fn unframed(mut body: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some((head, rest)) = body.split_at_checked(5) {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let (message, rest) = rest.split_at(usize::try_from(length).expect("it fits"));
        messages.push(message.to_vec());
        body = rest;
    }
    messages
}

/// Sends a body to a call; the messages of the answer, or why there are none.
pub(crate) async fn call<T: Provider>(
    service: ProviderServer<T>,
    name: &str,
    body: Vec<u8>,
) -> Result<Vec<Vec<u8>>, Code> {
    let request = http::Request::post(format!("http://provider/tfplugin6.Provider/{name}"))
        .header("content-type", "application/grpc")
        .body(Body::new(Full::new(Bytes::from(body))))
        .expect("a request");
    let Ok(answer) = service.oneshot(request).await;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.expect("a body that ends");
    let status = |headers: &http::HeaderMap| tonic::Status::from_header_map(headers).map(|status| status.code());
    let code = status(&head.headers).or_else(|| body.trailers().and_then(status)).expect("every answer has a status");
    if code == Code::Ok { Ok(unframed(&body.to_bytes())) } else { Err(code) }
}
