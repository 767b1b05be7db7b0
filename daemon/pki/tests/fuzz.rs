//! Bytes that nobody meant: whatever is shown as a request, a certificate, a list, a key or a container is refused or
//! means what it meant before, and never ends the process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use p12_keystore::Pkcs12ImportPolicy;
use proptest::prelude::*;
use ringfence_api::authority::AuthorityDomain;
use ringfence_api::certificate::RevocationReason;
use ringfence_api::cluster::KeyAlgorithm;
use ringfence_pki::{
    About, Authority, CertificateFacts, CrlShard, Entries, Extent, Leaf, MasterKey, OcspRequest, Plan, PrivateKey,
    Profile, Request, Revoked, Serial, Token, TokenKey, Usage, Validity, pem_certificate, pem_certificates, pem_crl,
    pem_crls, pkcs12, verify_leaf,
};

const URL: &str = "https://127.0.0.1:8443/v1/crls/root-1/0";

/// A chain of one authority, its list in which the leaf stands, and a request.
struct Material {
    now: Timestamp,
    root: Vec<u8>,
    leaf: Vec<u8>,
    revoking: Vec<u8>,
    key: PrivateKey,
    request: Vec<u8>,
}

static MATERIAL: LazyLock<Material> = LazyLock::new(|| {
    let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    let day = SignedDuration::from_hours(24);
    let serial = Serial::random(&SystemRandom::new());
    let plan = Plan {
        domain: AuthorityDomain::Root,
        name: "fuzz".to_owned(),
        serial,
        algorithm: KeyAlgorithm::default(),
        lifetime: day * 365,
    };
    let made = Authority::create_root(&plan, now).unwrap();
    let root = Authority::load(&made.certificate, &made.private_key).unwrap();
    let key = PrivateKey::generate().unwrap();
    let leaf = Leaf {
        profile: Profile::ProjectUser,
        common_name: "fraud__alice".to_owned(),
        system_user: None,
        job: None,
        dns_names: std::collections::BTreeSet::new(),
        ip_addresses: std::collections::BTreeSet::new(),
        serial: Serial::random(&SystemRandom::new()),
        validity: Validity::starting(now, day),
        crl_url: URL.to_owned(),
    };
    let issued = root.issue(&leaf, &key.public()).unwrap();
    let revoked = Revoked { serial: issued.serial, revoked_at: now, reason: RevocationReason::PrivilegeWithdrawn };
    let shard = CrlShard { domain: AuthorityDomain::Root, url: URL.to_owned(), delta_url: None };
    let entries: Entries = [revoked].into_iter().collect();
    let revoking = root.sign_crl(&shard, 2, Extent::Complete, entries, Validity::starting(now, day)).unwrap().der;
    let pem = key.request("alice").unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    Material {
        now,
        root: made.certificate,
        leaf: issued.certificate,
        revoking,
        key,
        request: STANDARD.decode(body).unwrap(),
    }
});

/// How bytes are damaged.
#[derive(Debug, Clone)]
enum Damage {
    Flip(usize, u8),
    Cut(usize),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize),
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let one = prop_oneof![
        4 => (any::<usize>(), 1..=255_u8).prop_map(|(at, mask)| Damage::Flip(at, mask)),
        1 => any::<usize>().prop_map(Damage::Cut),
        1 => (any::<usize>(), prop::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        1 => (any::<usize>(), 1..40_usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        1 => (any::<usize>(), 1..60_usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ];
    prop::collection::vec(one, 1..4)
}

fn damaged(bytes: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for damage in damages {
        let place = |at: usize| if bytes.is_empty() { 0 } else { at % bytes.len() };
        match damage {
            Damage::Flip(at, mask) => {
                let at = place(*at);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= mask);
            }
            Damage::Cut(at) => bytes.truncate(place(*at)),
            Damage::Insert(at, more) => {
                let at = place(*at);
                drop(bytes.splice(at..at, more.iter().copied()));
            }
            Damage::Remove(at, length) => {
                let at = place(*at);
                drop(bytes.drain(at..(at + length).min(bytes.len())));
            }
            Damage::Repeat(at, length) => {
                let at = place(*at);
                let part = bytes[at..(at + length).min(bytes.len())].to_vec();
                drop(bytes.splice(at..at, part));
            }
        }
    }
    bytes
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_request_is_refused_or_proves_the_same_key(damages in damage()) {
        let shown = damaged(&MATERIAL.request, &damages);
        if let Ok(request) = Request::parse(&pem("CERTIFICATE REQUEST", &shown)) {
            // Only what is not signed may have changed, such as the form of the signature.
            prop_assert_eq!(request.public_key(), &MATERIAL.key.public());
        }
    }

    #[test]
    fn a_damaged_certificate_is_not_believed(damages in damage()) {
        let shown = damaged(&MATERIAL.leaf, &damages);
        let _ = CertificateFacts::read(&shown);
        let bundle = pem_certificate(&MATERIAL.root);
        if shown != MATERIAL.leaf {
            let believed = verify_leaf(&pem("CERTIFICATE", &shown), &bundle, "", Usage::Client, MATERIAL.now);
            prop_assert!(believed.is_err(), "{damages:?}");
        }
        let chain = pem_certificate(&MATERIAL.leaf);
        let trusting = pem("CERTIFICATE", &damaged(&MATERIAL.root, &damages));
        let _ = verify_leaf(&chain, &trusting, "", Usage::Client, MATERIAL.now);
    }

    #[test]
    fn a_damaged_ocsp_request_asks_about_nothing_or_one_certificate(damages in damage()) {
        // For a certificate of number 1, by SHA-1.
        let mut id = vec![0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00];
        for _ in 0..2 {
            id.extend([0x04, 20]);
            id.extend([7; 20]);
        }
        id.extend([0x02, 1, 1]);
        let wrap = |content: &[u8]| [&[0x30, u8::try_from(content.len()).unwrap()], content].concat();
        let request = wrap(&wrap(&wrap(&wrap(&wrap(&id)))));
        prop_assert_eq!(OcspRequest::parse(&request).unwrap().asked.as_der().to_vec(), wrap(&id));
        let shown = damaged(&request, &damages);
        if let Ok(request) = OcspRequest::parse(&shown) {
            prop_assert!(request.asked.as_der().len() <= shown.len(), "the answer names it no longer");
        }
    }

    #[test]
    fn a_damaged_list_makes_nobody_good_who_is_revoked(damages in damage()) {
        let shown = damaged(&MATERIAL.revoking, &damages);
        let (chain, bundle) = (pem_certificate(&MATERIAL.leaf), pem_certificate(&MATERIAL.root));
        let believed = verify_leaf(&chain, &bundle, &pem("X509 CRL", &shown), Usage::Client, MATERIAL.now);
        prop_assert!(believed.is_err(), "{damages:?}");
    }

    #[test]
    fn a_damaged_key_or_sealed_secret_does_not_open(damages in damage()) {
        let _ = PrivateKey::from_der(&damaged(&MATERIAL.key.to_der(), &damages));
        let rng = SystemRandom::new();
        let master = MasterKey::generate(&rng);
        let sealed = master.seal(&rng, "member/fraud__alice", b"secret");
        let shown = damaged(&sealed, &damages);
        if shown != sealed {
            prop_assert!(master.open("member/fraud__alice", &shown).is_err());
        }
    }

    #[test]
    fn no_text_ends_the_process(text in ".{0,400}", bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for label in ["CERTIFICATE REQUEST", "CERTIFICATE", "X509 CRL", "PRIVATE KEY"] {
            for text in [text.clone(), pem(label, &bytes), format!("-----BEGIN {label}-----\n{text}")] {
                let _ = Request::parse(&text);
                let _ = pem_certificates(&text);
                let _ = pem_crls(&text);
                let _ = PrivateKey::from_pem(&text);
                let _ = MasterKey::from_text(&text);
                let _ = Serial::parse(&text);
                let _ = verify_leaf(&text, &text, &text, Usage::Server, MATERIAL.now);
            }
        }
        let _ = CertificateFacts::read(&bytes);
        let _ = OcspRequest::parse(&bytes);
        let _ = PrivateKey::from_der(&bytes);
        let (certificate, crl) = (pem_certificate(&bytes), pem_crl(&bytes));
        let _ = verify_leaf(&certificate, &certificate, &crl, Usage::Client, MATERIAL.now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_container_opens_with_its_password_and_no_other_and_damaged_with_none(
        password in "[ -~äß€]{1,40}",
        damages in damage(),
    ) {
        let chain = pem_certificate(&MATERIAL.leaf);
        let made = pkcs12(&chain, &MATERIAL.key, &password).unwrap();
        let open = |bytes: &[u8], password: &str| {
            p12_keystore::KeyStore::from_pkcs12(bytes, password, Pkcs12ImportPolicy::Relaxed)
        };
        let store = open(&made, &password).unwrap();
        let (_, held) = store.private_key_chain().unwrap();
        prop_assert_eq!(held.certs()[0].as_der(), &MATERIAL.leaf[..]);
        let other = format!("{password}x");
        prop_assert!(open(&made, &other).is_err());
        let shown = damaged(&made, &damages);
        if let Ok(store) = open(&shown, &password)
            && let Some((_, held)) = store.private_key_chain()
        {
            prop_assert_eq!(held.certs()[0].as_der(), &MATERIAL.leaf[..], "what is authenticated has not changed");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_token_says_what_was_signed_and_a_damaged_one_verifies_never(
        audience in ".{1,60}",
        role in ".{0,20}",
        damages in damage(),
    ) {
        let key = TokenKey::new(&MATERIAL.key).unwrap();
        let token = Token {
            id: "1",
            issuer: "urn:ringfence:fuzz",
            subject: "fraud__alice",
            audience: &audience,
            issued_at: MATERIAL.now,
            validity: Validity::starting(MATERIAL.now, SignedDuration::from_hours(1)),
            about: About::ProjectUser { project: "fraud", user: "alice", roles: &[&role], job: None },
            more: &BTreeMap::new(),
        };
        let signed = key.sign(&token).unwrap();
        let decoding =
            jsonwebtoken::DecodingKey::from_ec_components(&key.public().x, key.public().y.as_deref().unwrap()).unwrap();
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
        validation.validate_exp = false;
        validation.set_audience(&[&audience]);
        let read = |text: &str| jsonwebtoken::decode::<serde_json::Value>(text, &decoding, &validation);
        let claims = read(&signed).unwrap().claims;
        prop_assert_eq!(claims["aud"].as_str(), Some(audience.as_str()));
        prop_assert_eq!(claims["roles"][0].as_str(), Some(role.as_str()));
        let shown = String::from_utf8_lossy(&damaged(signed.as_bytes(), &damages)).into_owned();
        // The last character of each part has bits that mean nothing.
        let meaning = |text: &str| text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok()).collect::<Vec<_>>();
        if meaning(&shown) != meaning(&signed) {
            prop_assert!(read(&shown).is_err(), "{shown}");
        }
    }
}
