//! The authorities, their certificates and their lists.

#![expect(missing_docs, reason = "each route says what it is for in its summary")]

use crate::authority::{Authority, ImportAuthorities, RotateAuthority};
use crate::certificate::Certificate;
use crate::crl::PublishedCrl;
use crate::problem::ProblemCode;
use crate::route::{Callers, LIMIT, Route};

pub const LIST_AUTHORITIES: Route<(), Vec<Authority>> =
    Route::get("list_authorities", "/v1/authorities", Callers::Operator)
        .tagged("authority")
        .summary("The authorities, the oldest of a domain first; with those that are gone.")
        .answers_list::<Authority>();

pub const IMPORT_AUTHORITIES: Route<ImportAuthorities, Vec<Authority>> = Route::post(
    "import_authorities",
    "/v1/authorities/import",
    Callers::Operator,
)
.tagged("authority")
.summary(
    "Imports intermediates and lists that an offline root has signed. An intermediate is known to every node before \
            it signs, and signs when a rotation is requested or due.",
)
.takes::<ImportAuthorities>()
.answers_list::<Authority>()
.problems(&[ProblemCode::NotFound, ProblemCode::Conflict]);

pub const BRING_AUTHORITIES: Route<ImportAuthorities, Vec<Authority>> =
    Route::post("bring_authorities", "/v1/authorities/bring", Callers::Operator)
        .tagged("authority")
        .summary("The earlier word for `POST /v1/authorities/import`; it goes in the next version.")
        .deprecated()
        .takes::<ImportAuthorities>()
        .answers_list::<Authority>()
        .problems(&[ProblemCode::NotFound, ProblemCode::Conflict]);

pub const ROTATE_AUTHORITY: Route<RotateAuthority, Vec<Authority>> =
    Route::post("rotate_authority", "/v1/authorities/{domain}/rotate", Callers::Operator)
        .tagged("authority")
        .summary(
            "Asks for a successor of the active authority of a domain. A root takes its intermediates along. Answers \
        at once; `GET /v1/authorities` says how far it is. While one is under way, asking again changes nothing, \
        unless it says now that the key is compromised.",
        )
        .takes::<RotateAuthority>()
        .answers_list::<Authority>()
        .problems(&[ProblemCode::Conflict]);

pub const READ_CA_BUNDLE: Route<(), ()> = Route::get("read_ca_bundle", "/v1/ca-bundle", Callers::Anyone)
    .tagged("public")
    .summary("The roots to trust, in PEM. Public.")
    .meaning("PEM")
    .answers_raw::<String>("application/x-pem-file");

pub const LIST_CERTIFICATES: Route<(), Vec<Certificate>> =
    Route::get("list_certificates", "/v1/certificates", Callers::Operator)
        .tagged("inspect")
        .summary("Certificates, newest first.")
        .parameters(&[LIMIT])
        .answers_list::<Certificate>();

pub const DELETE_CERTIFICATE: Route<(), ()> =
    Route::delete("delete_certificate", "/v1/certificates/{serial}", Callers::Operator)
        .tagged("authority")
        .summary("Revokes a certificate that was issued from a CSR. One that is revoked or expired stays as it is.")
        .meaning("Revoked")
        .problems(&[ProblemCode::Conflict]);

pub const PUBLISH_CRLS: Route<(), Vec<PublishedCrl>> =
    Route::post("publish_crls", "/v1/crls/publish", Callers::Operator)
        .tagged("authority")
        .summary("Signs a fresh list of every shard now, whether one is due or not.")
        .answers_list::<PublishedCrl>();

pub const READ_CRL: Route<(), ()> = Route::get("read_crl", "/v1/crls/{issuer}/{shard}", Callers::Anyone)
    .tagged("public")
    .summary("One CRL shard in DER, at the address that its certificates name. Public.")
    .meaning("DER")
    .answers_raw::<Vec<u8>>("application/pkix-crl");

pub const READ_DELTA_CRL: Route<(), ()> =
    Route::get("read_delta_crl", "/v1/crls/{issuer}/{shard}/delta", Callers::Anyone)
        .tagged("public")
        .summary(
            "What has changed in a shard since an earlier complete list, in DER: a delta CRL (RFC 5280, section \
        5.2.4). Public. Not found while the last complete list is the one that the next delta will be about.",
        )
        .meaning("DER")
        .answers_raw::<Vec<u8>>("application/pkix-crl");

pub const POST_OCSP: Route<(), ()> = Route::post("post_ocsp", "/v1/ocsp", Callers::Anyone)
    .tagged("public")
    .summary("Whether a certificate is revoked. Public.")
    .takes_bytes("application/ocsp-request")
    .meaning("An OCSP response, DER")
    .answers_raw::<Vec<u8>>("application/ocsp-response");

pub const GET_OCSP: Route<(), ()> = Route::get("get_ocsp", "/v1/ocsp/{request}", Callers::Anyone)
    .tagged("public")
    .summary("The same for a request in base64. Public.")
    .meaning("An OCSP response, DER")
    .answers_raw::<Vec<u8>>("application/ocsp-response");
