//! A ledger of what the daemon acknowledged, and checks that it holds: every certificate that was returned is recorded,
//! every acknowledged revocation is in its CRL and stays there, a CRL's number only rises and is used once, and the
//! audit chain is intact.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use ringfence_api::authority::route::LIST_CERTIFICATES;
use ringfence_api::certificate::{Certificate, PostIdentityCertificate};
use ringfence_api::client::ClientError;
use ringfence_api::inspect::AuditEntry;
use ringfence_api::project::{MemberRole, PutMember, PutProject};
use ringfence_api::{Client, Credentials, ProjectName, UserName};
use ringfence_pki::{CertificateFacts, PrivateKey, Usage, pem_certificates, pem_crl, verify_leaf};
use ringfence_tests::eventually;
use ringfence_tests::head::{TOKEN, connection_of, token};

use crate::api::crl::{distribution_point, lists, number};
use crate::api::https::Https;

/// How long a client goes on asking while the daemon is started again.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a revocation may take to be listed when the daemon died just before: a period of the task that publishes.
const LISTED: Duration = Duration::from_secs(10);

/// Everything that was answered to anybody.
#[derive(Default)]
pub(super) struct Ledger {
    /// The chains that were returned, by serial number.
    issued: Mutex<BTreeMap<String, String>>,
    /// The serial numbers that were revoked.
    revoked: Mutex<Vec<String>>,
    /// Authorities that are gone, and their lists with them: the root's list names what is left of them.
    gone: Mutex<Vec<String>>,
    /// The last list that was seen at each path.
    lists: Mutex<BTreeMap<String, (u64, Vec<u8>)>>,
}

/// The operator of the daemon in this directory, as soon as that answers.
pub(super) async fn operator(directory: &Path) -> Client {
    eventually("the daemon can be asked", PATIENCE, async || {
        let connection = connection_of(directory)?;
        let credentials = Credentials::Operator(token(TOKEN).key());
        let client = Client::new(connection, credentials, PATIENCE).map_err(|error| error.to_string())?;
        client.health().await.map_err(|error| error.to_string())?;
        Ok(client)
    })
    .await
}

/// Asks until there is an answer: one that was lost is asked for again.
pub(super) async fn answered<T>(mut ask: impl AsyncFnMut() -> Result<T, ClientError>) -> T {
    eventually("the daemon answers", PATIENCE, async || match ask().await {
        Ok(answer) => Ok(answer),
        Err(error) if error.is_unreachable() => Err(error.to_string()),
        Err(error) => panic!("the daemon refuses: {error}"),
    })
    .await
}

impl Ledger {
    /// Makes a project.
    pub(super) async fn project(&self, client: &Client, project: &ProjectName) {
        answered(async || client.put_project(project, &PutProject::default()).await).await;
    }

    /// Adds a member and takes its credentials. Returns the serial number.
    pub(super) async fn member(&self, client: &Client, project: &ProjectName, user: &UserName) -> String {
        let put = PutMember { role: MemberRole::DataScientist };
        answered(async || client.put_member(project, user, &put).await).await;
        let credentials = answered(async || client.member_credentials(project, user).await).await;
        self.note(&credentials.serial, credentials.chain);
        credentials.serial
    }

    /// Removes a member, which revokes its certificates.
    pub(super) async fn remove(&self, client: &Client, project: &ProjectName, user: &UserName, serials: &[String]) {
        answered(async || match client.delete_member(project, user).await {
            // Removed before, by an answer that was lost.
            Err(error) if error.is_not_found() => Ok(()),
            answer => answer,
        })
        .await;
        self.note_revoked(serials);
    }

    /// Has a certificate issued for a key of its own. Returns the serial number.
    pub(super) async fn certificate(&self, client: &Client, project: &ProjectName, user: &UserName) -> String {
        let request = PrivateKey::generate().unwrap().request("x").unwrap();
        let post = PostIdentityCertificate { request, lifetime: None };
        let issued = answered(async || client.issue_member_certificate(project, user, &post).await).await;
        self.note(&issued.serial, issued.chain);
        issued.serial
    }

    /// Revokes a certificate.
    pub(super) async fn revoke(&self, client: &Client, serial: &str) {
        answered(async || client.revoke_certificate(serial).await).await;
        self.revoked.lock().unwrap().push(serial.to_owned());
    }

    /// Notes that these are revoked.
    pub(super) fn note_revoked(&self, serials: &[String]) {
        self.revoked.lock().unwrap().extend_from_slice(serials);
    }

    /// Notes that an authority is gone, by which everything that was issued until now is revoked.
    pub(super) fn note_gone(&self, authority: &str) {
        let serials: Vec<String> = self.issued.lock().unwrap().keys().cloned().collect();
        self.note_revoked(&serials);
        self.gone.lock().unwrap().push(format!("/v1/crls/{authority}/"));
    }

    fn is_gone(&self, path: &str) -> bool {
        self.gone.lock().unwrap().iter().any(|gone| path.starts_with(gone))
    }

    fn note(&self, serial: &str, chain: String) {
        self.issued.lock().unwrap().insert(serial.to_owned(), chain);
    }

    /// Looks at the lists of everything that was issued: numbers only rise, and no number is used twice.
    pub(super) async fn look_at_lists(&self, public: &Https) {
        let mut paths: Vec<String> = vec!["/v1/crls/root-1/0".to_owned()];
        paths.extend(self.issued.lock().unwrap().values().map(|chain| list_of(chain)));
        paths.sort();
        paths.dedup();
        for path in paths.into_iter().filter(|path| !self.is_gone(path)) {
            // What is not answered now is looked at another time.
            let Some(answer) = public.try_get(&path).await else { continue };
            assert_eq!(answer.status, 200, "{path}");
            let seen = number(&answer.bytes);
            let mut lists = self.lists.lock().unwrap();
            if let Some((last, bytes)) = lists.get(&path) {
                assert!(seen >= *last, "{path}: number {seen} after {last}");
                assert!(seen > *last || answer.bytes == *bytes, "{path}: number {seen} was used twice");
            }
            lists.insert(path, (seen, answer.bytes));
        }
    }

    /// Checks that everything that was acknowledged holds.
    pub(super) async fn check(&self, client: &Client) {
        let public = Https::public(client.connection());
        let recorded: Vec<Certificate> = answered(async || client.list(&LIST_CERTIFICATES, "limit=1000").await).await;
        assert!(recorded.len() < 1_000, "the test reads all of them");
        let issued = self.issued.lock().unwrap().clone();
        let revoked = self.revoked.lock().unwrap().clone();
        for serial in issued.keys() {
            let row = recorded.iter().find(|row| row.serial == *serial);
            let row = row.unwrap_or_else(|| panic!("{serial} was issued and is not recorded"));
            assert!(row.revoked_at.is_some() || !revoked.contains(serial), "{serial}: its revocation was lost");
        }
        for serial in &revoked {
            let path = list_of(&issued[serial]);
            if self.is_gone(&path) {
                continue;
            }
            eventually("what was revoked is listed", LISTED, async || {
                let list = public.get(&path).await.bytes;
                if lists(&list, serial) { Ok(()) } else { Err(format!("{serial} is not in number {}", number(&list))) }
            })
            .await;
        }
        self.look_at_lists(&public).await;
        self.check_chains(&public, &issued, &recorded).await;
        check_audit(client).await;
    }

    /// Valid certificates verify, and revoked ones do not.
    async fn check_chains(&self, public: &Https, issued: &BTreeMap<String, String>, recorded: &[Certificate]) {
        let mut crls = String::new();
        for (path, (_, list)) in self.lists.lock().unwrap().iter() {
            assert!(!list.is_empty(), "{path}");
            crls.push_str(&pem_crl(list));
        }
        let bundle = public.get("/v1/ca-bundle").await.text();
        for (serial, chain) in issued {
            let facts = CertificateFacts::read(&pem_certificates(chain).unwrap()[0]).unwrap();
            let now = facts.not_before.max(ringfence_api::Clock::now(&ringfence_api::SystemClock));
            let good = verify_leaf(chain, &bundle, &crls, Usage::Client, now);
            let revoked = recorded.iter().any(|row| row.serial == *serial && row.revoked_at.is_some());
            assert_eq!(good.is_ok(), !revoked, "{serial}: {good:?}");
        }
    }
}

/// The path of the list that names what this chain begins with when it is revoked.
fn list_of(chain: &str) -> String {
    let url = distribution_point(&pem_certificates(chain).unwrap()[0]);
    url[url.find("/v1/").unwrap()..].to_owned()
}

async fn check_audit(client: &Client) {
    let (mut previous, mut last) = (AuditEntry::GENESIS.to_owned(), 0);
    loop {
        let route = format!("/v1/audit?after={last}&limit=1000");
        let rows: Vec<AuditEntry> = answered(async || client.read(&route).await).await;
        if rows.is_empty() {
            return;
        }
        for row in rows {
            last += 1;
            assert_eq!((row.sequence, &row.hash), (last, &row.hash_after(&previous)), "the chain breaks");
            previous = row.hash;
        }
    }
}
