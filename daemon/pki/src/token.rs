//! Tokens: JWTs (RFC 7519) in compact form, signed with ES256 or `EdDSA` (RFC 8037). The header names the key by its
//! thumbprint (RFC 7638), so that a verifier finds it in the JWKS, and holds nothing else that might mislead a
//! verifier.

use std::collections::BTreeMap;

use aws_lc_rs::rand::SecureRandom;
use jiff::Timestamp;
use jsonwebtoken::jwk::{self, AlgorithmParameters, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use ringfence_api::token::Jwk;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{PrivateKey, Validity};

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'a> {
    /// Its own name, `jti`: see [`random_token_id`].
    pub id: &'a str,
    /// Who signs it, `iss`.
    pub issuer: &'a str,
    /// Whom it speaks of, `sub`.
    pub subject: &'a str,
    /// Who verifies it, `aud`.
    pub audience: &'a str,
    /// When it is signed, `iat`.
    pub issued_at: Timestamp,
    /// From when to when it is valid, `nbf` and `exp`.
    pub validity: Validity,
    /// Who the subject is.
    pub about: About<'a>,
    /// More claims, under names that the claims above do not have.
    pub more: &'a BTreeMap<String, Value>,
}

/// What a token tells of its subject, in claims of these names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum About<'a> {
    /// A project user.
    ProjectUser {
        /// The project.
        project: &'a str,
        /// The user.
        user: &'a str,
        /// What the user may do in the project.
        roles: &'a [&'a str],
        /// The job that the token is for.
        #[serde(skip_serializing_if = "Option::is_none")]
        job: Option<&'a str>,
    },
    /// A service on a node.
    Service {
        /// The service.
        service: &'a str,
        /// The node.
        node: &'a str,
    },
}

/// The claims by their names on the wire; times in seconds since 1970.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: &'a str,
    #[serde(flatten)]
    about: &'a About<'a>,
    #[serde(flatten)]
    more: &'a BTreeMap<String, Value>,
}

/// What a verified token says. Whether it is valid now, and for whom, is for the caller to judge.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReadToken {
    /// Who signed it.
    pub iss: String,
    /// Whom it speaks of.
    pub sub: String,
    /// Who is to verify it.
    pub aud: String,
    /// When it was signed, in seconds since 1970.
    pub iat: i64,
    /// From when on it is valid.
    pub nbf: i64,
    /// Until when it is valid.
    pub exp: i64,
    /// Its own name.
    pub jti: String,
    /// The subject's project.
    #[serde(default)]
    pub project: Option<String>,
    /// The subject's user.
    #[serde(default)]
    pub user: Option<String>,
    /// What the subject may do in the project.
    #[serde(default)]
    pub roles: Option<Vec<String>>,
    /// The job that it is for.
    #[serde(default)]
    pub job: Option<String>,
    /// The service that it is for.
    #[serde(default)]
    pub service: Option<String>,
    /// The node that the service runs on.
    #[serde(default)]
    pub node: Option<String>,
}

impl ReadToken {
    /// What a token says, if this key has signed it.
    pub fn verify(token: &str, key: &Jwk) -> Result<Self, TokenKeyError> {
        let unusable = |why: &dyn std::fmt::Display| TokenKeyError(format!("does not verify this: {why}"));
        let (key, mut validation) = verifier(key).map_err(|e| unusable(&e))?;
        validation.validate_exp = false;
        validation.validate_aud = false;
        let read = decode::<Self>(token, &key, &validation).map_err(|e| unusable(&e))?;
        Ok(read.claims)
    }
}

/// What the holder of a token reads in it. Nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// Its own name.
    pub id: String,
    /// Who is to verify it.
    pub audience: String,
    /// From when to when it is valid.
    pub validity: Validity,
}

impl TokenFacts {
    /// What this token says, if it is one.
    pub fn read(token: &str) -> Option<Self> {
        let claims: ReadToken = jsonwebtoken::dangerous::insecure_decode(token).ok()?.claims;
        let time = |seconds| Timestamp::from_second(seconds).ok();
        let validity = Validity { not_before: time(claims.nbf)?, not_after: time(claims.exp)? };
        Some(Self { id: claims.jti, audience: claims.aud, validity })
    }
}

/// The key that a token names. Nothing of it is verified.
pub fn token_kid(token: &str) -> Option<String> {
    jsonwebtoken::decode_header(token).ok()?.kid
}

/// How an audit log stood: what a signed checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Who signs it.
    #[serde(rename = "iss")]
    pub issuer: String,
    /// When it is signed, in seconds since 1970.
    #[serde(rename = "iat")]
    pub signed_at: i64,
    /// The row that is the last.
    pub sequence: i64,
    /// The hash of that row.
    pub hash: String,
}

/// The type of a checkpoint, by which nobody takes it for a token.
const CHECKPOINT: &str = "ringfence-audit+jwt";

impl Checkpoint {
    /// What a checkpoint says, if this key has signed it.
    pub fn verify(signature: &str, key: &Jwk) -> Result<Self, TokenKeyError> {
        let unusable = |why: &dyn std::fmt::Display| TokenKeyError(format!("does not verify this: {why}"));
        let (key, mut validation) = verifier(key).map_err(|e| unusable(&e))?;
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let read = decode::<Self>(signature, &key, &validation).map_err(|e| unusable(&e))?;
        if read.header.typ.as_deref() == Some(CHECKPOINT) {
            Ok(read.claims)
        } else {
            Err(unusable(&"it is no checkpoint"))
        }
    }
}

/// A key that signs tokens. Its `Debug` shows no key.
#[derive(Debug)]
pub struct TokenKey {
    key: EncodingKey,
    public: Jwk,
}

/// The algorithm of a key's signatures.
fn algorithm(key: &Jwk) -> Algorithm {
    if key.y.is_some() { Algorithm::ES256 } else { Algorithm::EdDSA }
}

/// What verifies the signatures of a key.
fn verifier(key: &Jwk) -> Result<(DecodingKey, Validation), jsonwebtoken::errors::Error> {
    let decoding = match &key.y {
        Some(y) => DecodingKey::from_ec_components(&key.x, y)?,
        None => DecodingKey::from_ed_components(&key.x)?,
    };
    Ok((decoding, Validation::new(algorithm(key))))
}

/// The public half as it is published, on P-256 or of Ed25519.
fn published(key: &EncodingKey, algorithm: Algorithm) -> Result<Option<Jwk>, jsonwebtoken::errors::Error> {
    let described = jwk::Jwk::from_encoding_key(key, algorithm)?;
    let kid = described.thumbprint(ThumbprintHash::SHA256)?;
    let ([kty, crv, alg], x, y) = match described.algorithm {
        AlgorithmParameters::EllipticCurve(point) => (["EC", "P-256", "ES256"], point.x, Some(point.y)),
        AlgorithmParameters::OctetKeyPair(pair) => (["OKP", "Ed25519", "EdDSA"], pair.x, None),
        _ => return Ok(None),
    };
    let [kty, crv, alg] = [kty, crv, alg].map(str::to_owned);
    Ok(Some(Jwk { kid, kty, crv, x, y, alg, usage: "sig".to_owned() }))
}

/// Why a token could not be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("token key {0}")]
pub struct TokenKeyError(String);

impl TokenKey {
    /// Takes a private key, on P-256 or of Ed25519, for signing tokens.
    pub fn new(key: &PrivateKey) -> Result<Self, TokenKeyError> {
        let unusable = |why: &dyn std::fmt::Display| TokenKeyError(format!("cannot be used: {why}"));
        let (key, algorithm) = if key.is_ed25519() {
            (EncodingKey::from_ed_der(&key.to_der()), Algorithm::EdDSA)
        } else {
            (EncodingKey::from_ec_der(&key.to_der()), Algorithm::ES256)
        };
        let public = published(&key, algorithm).map_err(|e| unusable(&e))?;
        let public = public.ok_or_else(|| unusable(&"it is neither on P-256 nor of Ed25519"))?;
        Ok(Self { key, public })
    }

    /// The public half.
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// Signs a checkpoint.
    pub fn sign_checkpoint(&self, checkpoint: &Checkpoint) -> Result<String, TokenKeyError> {
        let header = Header {
            kid: Some(self.public.kid.clone()),
            typ: Some(CHECKPOINT.to_owned()),
            ..Header::new(algorithm(&self.public))
        };
        encode(&header, checkpoint, &self.key).map_err(|e| TokenKeyError(format!("cannot sign: {e}")))
    }

    /// Signs a token.
    pub fn sign(&self, token: &Token<'_>) -> Result<String, TokenKeyError> {
        let header = Header { kid: Some(self.public.kid.clone()), ..Header::new(algorithm(&self.public)) };
        let claims = Claims {
            iss: token.issuer,
            sub: token.subject,
            aud: token.audience,
            iat: token.issued_at.as_second(),
            nbf: token.validity.not_before.as_second(),
            exp: token.validity.not_after.as_second(),
            jti: token.id,
            about: &token.about,
            more: token.more,
        };
        encode(&header, &claims, &self.key).map_err(|e| TokenKeyError(format!("cannot sign: {e}")))
    }
}

/// Draws the id of a token: 128 bits, in hexadecimal.
pub fn random_token_id(rng: &dyn SecureRandom) -> String {
    let mut bytes = [0_u8; 16];
    rng.fill(&mut bytes).expect("the operating system's random source answers");
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jiff::SignedDuration;
    use ringfence_api::cluster::KeyAlgorithm;

    use super::*;

    /// The key of RFC 7517, appendix A.2, in PKCS #8.
    const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg870MB6gfuTJ4HtUn\n\
        UvYMyJpr5eUZNP4Bk43bVdj3eAGhRANCAAQwoEJM0hwpRIOKLXXJKzfnbqINnwCJ\n\
        OjtO7oo8Cq/sPuBLZekkVtmIi1Kzeb371R7oae8fD8ZbZllpW2zOCBcj\n\
        -----END PRIVATE KEY-----\n";

    fn token(validity: Validity, issued_at: Timestamp) -> Token<'static> {
        Token {
            id: "0f",
            issuer: "urn:ringfence:7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34",
            subject: "fraud__alice",
            audience: "query",
            issued_at,
            validity,
            about: About::ProjectUser { project: "fraud", user: "alice", roles: &["data_owner"], job: None },
            more: &NONE,
        }
    }

    static NONE: BTreeMap<String, Value> = BTreeMap::new();

    fn part(text: &str) -> String {
        String::from_utf8(URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    }

    #[test]
    fn a_checkpoint_verifies_by_its_key_and_is_no_token() {
        let key = TokenKey::new(&PrivateKey::generate().unwrap()).unwrap();
        let said = Checkpoint { issuer: "urn:x".to_owned(), signed_at: 1, sequence: 7, hash: "ab".to_owned() };
        let signed = key.sign_checkpoint(&said).unwrap();
        let of = |key: &TokenKey| Checkpoint::verify(&signed, key.public());
        assert_eq!(of(&key), Ok(said));
        assert!(of(&TokenKey::new(&PrivateKey::generate().unwrap()).unwrap()).is_err());
    }

    #[test]
    fn a_token_says_what_it_was_told_and_verifies_with_the_published_point() {
        let key = TokenKey::new(&PrivateKey::generate().unwrap()).unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let text = key.sign(&token(Validity::starting(now, SignedDuration::from_mins(10)), now)).unwrap();
        let (message, signature) = text.rsplit_once('.').unwrap();
        let (header, claims) = message.split_once('.').unwrap();
        assert_eq!(part(header), format!(r#"{{"typ":"JWT","alg":"ES256","kid":"{}"}}"#, key.public().kid));
        assert_eq!(
            part(claims),
            "{\"iss\":\"urn:ringfence:7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34\",\"sub\":\"fraud__alice\",\
             \"aud\":\"query\",\"iat\":1800000000,\"nbf\":1799999970,\"exp\":1800000600,\"jti\":\"0f\",\
             \"project\":\"fraud\",\"user\":\"alice\",\"roles\":[\"data_owner\"]}"
        );
        let mut point = vec![4];
        point.extend(URL_SAFE_NO_PAD.decode(&key.public().x).unwrap());
        point.extend(URL_SAFE_NO_PAD.decode(key.public().y.as_ref().unwrap()).unwrap());
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let verifier = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        verifier.verify(message.as_bytes(), &signature).unwrap();
        verifier.verify(&message.as_bytes()[1..], &signature).unwrap_err();
    }

    #[test]
    fn a_token_of_either_kind_of_key_verifies_by_that_key_and_by_no_other() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let claims = token(Validity::starting(now, SignedDuration::from_mins(10)), now);
        let keys = [KeyAlgorithm::EcdsaP256, KeyAlgorithm::Ed25519, KeyAlgorithm::Ed25519]
            .map(|algorithm| TokenKey::new(&PrivateKey::generate_for(algorithm).unwrap()).unwrap());
        for signer in &keys {
            let text = signer.sign(&claims).unwrap();
            assert_eq!(token_kid(&text).as_ref(), Some(&signer.public().kid));
            for key in &keys {
                let read = ReadToken::verify(&text, key.public());
                assert_eq!(read.is_ok(), key.public() == signer.public());
                assert!(read.is_err() || read.unwrap().project.as_deref() == Some("fraud"));
            }
        }
        assert!(TokenKey::new(&PrivateKey::generate_for(KeyAlgorithm::EcdsaP384).unwrap()).is_err());
    }

    #[test]
    fn a_token_of_a_service_and_more_claims_stand_beside_the_others() {
        let key = TokenKey::new(&PrivateKey::generate().unwrap()).unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let more = BTreeMap::from([("pn".to_owned(), Value::from("fraud"))]);
        let about = About::Service { service: "query", node: "head" };
        let said = Token { about, more: &more, ..token(Validity::starting(now, SignedDuration::from_mins(1)), now) };
        let text = key.sign(&said).unwrap();
        let claims: Value = serde_json::from_str(&part(text.split('.').nth(1).unwrap())).unwrap();
        assert_eq!(
            (&claims["service"], &claims["node"], &claims["pn"]),
            (&"query".into(), &"head".into(), &"fraud".into())
        );
        assert!(claims.get("project").is_none());
    }

    #[test]
    fn a_known_key_has_its_known_point_and_thumbprint() {
        let key = TokenKey::new(&PrivateKey::from_pem(PRIVATE_KEY).unwrap()).unwrap();
        assert_eq!(key.public().x, "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4");
        assert_eq!(key.public().y.as_deref(), Some("4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"));
        assert_eq!(key.public().kid, "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
    }

    #[test]
    fn a_key_shows_nothing_of_itself() {
        let private = PrivateKey::generate().unwrap();
        let shown = format!("{:?}", TokenKey::new(&private).unwrap());
        assert!(shown.contains("redacted"), "{shown}");
    }

    #[test]
    fn token_ids_are_long_and_different() {
        let rng = SystemRandom::new();
        let (one, two) = (random_token_id(&rng), random_token_id(&rng));
        assert!(one.len() == 32 && one != two);
    }
}
