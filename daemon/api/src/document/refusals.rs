//! With which problems an operation can be refused. Most follow from what it is; those that its rules add stand in its
//! route.

use std::collections::BTreeMap;

use crate::problem::ProblemCode;
use crate::route::{Callers, JSON, Operation, Place};

/// The codes by their status.
pub(super) fn refusals(operation: &Operation) -> BTreeMap<u16, Vec<ProblemCode>> {
    let mut refusals: BTreeMap<u16, Vec<ProblemCode>> = BTreeMap::new();
    for code in ProblemCode::ALL.into_iter().filter(|code| can_have(operation, *code)) {
        refusals.entry(code.status()).or_default().push(code);
    }
    refusals
}

fn can_have(operation: &Operation, code: ProblemCode) -> bool {
    let has_segments = operation.path.contains('{');
    let has_query = operation.parameters.iter().any(|parameter| parameter.place != Place::Header);
    let takes_json = operation.body.is_some_and(|body| body.media_type == JSON);
    let follows = match code {
        ProblemCode::Unauthenticated
        | ProblemCode::SessionInvalid
        | ProblemCode::CertificateUnknown
        | ProblemCode::CertificateRevoked
        | ProblemCode::CertificateExpired => operation.callers != Callers::Anyone,
        ProblemCode::Forbidden => !matches!(operation.callers, Callers::Anyone | Callers::Recognized),
        ProblemCode::NotFound => has_segments,
        ProblemCode::InvalidRequest => has_segments || takes_json || !operation.parameters.is_empty(),
        ProblemCode::UnknownField => takes_json || has_query,
        ProblemCode::Unavailable | ProblemCode::Internal => true,
        // The body is too large, or takes too long.
        code => operation.body.is_some() && matches!(code.status(), 408 | 413),
    };
    follows || operation.problems.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::route::{LIST_CERTIFICATES, POST_OCSP, READ_CRL};
    use crate::cluster::route::{PUT_CLUSTER, READ_CLUSTER};
    use crate::inspect::route::READ_HEALTH;
    use crate::login::route::{POST_LOGIN, POST_NONCE};
    use crate::node::route::{POST_CERTIFICATE, READ_NODE};
    use crate::project::route::{DELETE_PROJECT, PUT_MEMBERS};
    use crate::token::route::INTROSPECT;
    use crate::whoami::route::READ_WHOAMI;

    #[test]
    fn statuses_follow_from_callers_path_parameters_and_body() {
        let cases: [(Operation, &[u16]); 14] = [
            (READ_HEALTH.operation(), &[500, 503]),
            (POST_NONCE.operation(), &[500, 503]),
            (READ_CRL.operation(), &[400, 404, 500, 503]),
            (POST_OCSP.operation(), &[413, 500, 503]),
            (READ_WHOAMI.operation(), &[401, 500, 503]),
            (INTROSPECT.operation(), &[400, 401, 413, 500, 503]),
            (READ_CLUSTER.operation(), &[400, 401, 403, 500, 503]),
            (LIST_CERTIFICATES.operation(), &[400, 401, 403, 500, 503]),
            (READ_NODE.operation(), &[400, 401, 403, 404, 500, 503]),
            (DELETE_PROJECT.operation(), &[400, 401, 403, 404, 500, 503]),
            (POST_CERTIFICATE.operation(), &[400, 401, 403, 404, 413, 500, 503]),
            // And from what the route adds.
            (POST_LOGIN.operation(), &[400, 401, 413, 500, 503]),
            (PUT_CLUSTER.operation(), &[400, 401, 403, 409, 413, 500, 503]),
            (PUT_MEMBERS.operation(), &[400, 401, 403, 404, 409, 413, 500, 503]),
        ];
        for (operation, expected) in cases {
            let mut statuses: Vec<u16> = refusals(&operation).into_keys().collect();
            // Of a body that takes too long, which has a code of its own wherever that exists.
            statuses.retain(|status| *status != 408);
            assert_eq!(statuses, expected, "{}", operation.id);
        }
    }

    #[test]
    fn a_status_names_its_codes() {
        let login = refusals(&POST_LOGIN.operation());
        assert_eq!(login[&401], [ProblemCode::LoginRefused]);
        assert_eq!(login[&400], [ProblemCode::InvalidRequest, ProblemCode::UnknownField]);
        let members = refusals(&PUT_MEMBERS.operation());
        assert_eq!(members[&409], [ProblemCode::LastDataOwner, ProblemCode::OwnMembership]);
    }
}
