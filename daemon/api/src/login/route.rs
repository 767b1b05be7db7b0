//! Login, session, operator key.

#![expect(missing_docs, reason = "each route says what it is for in its summary")]

use crate::login::{Login, LoginNonce, PutLogin};
use crate::operator::{OperatorKeys, PutOperatorKey};
use crate::problem::ProblemCode;
use crate::route::{Callers, Route};

pub const POST_LOGIN: Route<PutLogin, Login> = Route::post("post_login", "/v1/login", Callers::Anyone)
    .tagged("identity")
    .summary("Trades a signed challenge for a session. Public.")
    .takes::<PutLogin>()
    .answers::<Login>()
    .problems(&[ProblemCode::LoginRefused]);

pub const POST_NONCE: Route<(), LoginNonce> = Route::post("post_nonce", "/v1/login/nonces", Callers::Anyone)
    .tagged("identity")
    .summary("A challenge to log in with. Public.")
    .answers::<LoginNonce>();

pub const PUT_OPERATOR_KEY: Route<PutOperatorKey, OperatorKeys> =
    Route::put("put_operator_key", "/v1/operator-key", Callers::Operator)
        .tagged("identity")
        .summary("Lets another key log in. Putting one that may log in already changes nothing.")
        .takes::<PutOperatorKey>()
        .answers::<OperatorKeys>();
