//! Tokens and the keys that sign them.

#![expect(missing_docs, reason = "each route says what it is for in its summary")]

use crate::route::{Callers, LIMIT, Route};
use crate::token::{Introspection, Jwks, PostIntrospection, RotateTokenKeys, TokenKey};

pub const READ_JWKS: Route<(), Jwks> = Route::get("read_jwks", "/v1/jwks", Callers::Anyone)
    .tagged("public")
    .summary("The keys by which tokens are verified (RFC 7517). Public.")
    .answers::<Jwks>();

pub const LIST_TOKEN_KEYS: Route<(), Vec<TokenKey>> =
    Route::get("list_token_keys", "/v1/token-keys", Callers::Operator)
        .tagged("tokens")
        .summary("The keys that sign tokens, newest first.")
        .parameters(&[LIMIT])
        .answers_list::<TokenKey>();

pub const ROTATE_TOKEN_KEYS: Route<RotateTokenKeys, Vec<TokenKey>> =
    Route::post("rotate_token_keys", "/v1/token-keys/rotate", Callers::Operator)
        .tagged("tokens")
        .summary(
            "Rotates at once: the prepared key signs from now on, the active one is retired, and another is prepared. \
        Answers with the newest keys. Tokens that live go on to verify, unless the keys are compromised: then \
        those that are there are erased, every token ends, and a key signs that verifiers do not know yet.",
        )
        .takes::<RotateTokenKeys>()
        .answers_list::<TokenKey>();

pub const INTROSPECT: Route<PostIntrospection, Introspection> =
    Route::post("introspect", "/v1/tokens/introspect", Callers::Recognized)
        .tagged("tokens")
        .summary("Says whether a token is good now, and what it says. For anybody whom the daemon recognises.")
        .takes::<PostIntrospection>()
        .answers::<Introspection>();

pub const DELETE_TOKEN: Route<(), ()> = Route::delete("delete_token", "/v1/tokens/{id}", Callers::Operator)
    .tagged("tokens")
    .summary("Ends a token before its time, by its id. Verifiers that do not ask here take it until its end.")
    .meaning("Ended");
