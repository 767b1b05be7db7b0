//! Errors as AWS writes them: EC2 in one form, the others in another.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>

use axum::body::Body;
use axum::http::{Response, StatusCode, header};

/// An error of a service.
pub(crate) fn error(service: &str, status: u16, code: &str, message: &str) -> Response<Body> {
    let message = message.replace('&', "&amp;").replace('<', "&lt;");
    let body = if service == "ec2" {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Errors><Error><Code>{code}</Code><Message>{message}\
             </Message></Error></Errors><RequestID>double</RequestID></Response>"
        )
    } else {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>double</RequestId></ErrorResponse>"
        )
    };
    xml(status, body)
}

/// A refusal for want of rights, in the service's words.
pub(crate) fn refused(service: &str, action: &str) -> Response<Body> {
    if service == "ec2" {
        error(service, 403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
    } else {
        let message = format!("User is not authorized to perform: {service}:{action}");
        error(service, 403, "AccessDenied", &message)
    }
}

/// An answer in XML.
pub(crate) fn xml(status: u16, body: String) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let answer = Response::builder().status(status).header(header::CONTENT_TYPE, "text/xml");
    answer.body(Body::from(body)).expect("an answer is sound")
}
