//! The authorities in memory, ready to sign. They are compared with the database whenever something is recorded, so
//! that an authority that another daemon retired signs nothing here.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use jiff::Timestamp;
use ringfence_api::authority::route::READ_CRL;
use ringfence_api::authority::{Authority, AuthorityDomain, AuthorityState};
use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::login::trust_fingerprint;
use ringfence_pki::{CertificateFacts, MasterKey, Serial, pem_certificate};
use ringfence_store::Transaction;
use ringfence_store::cluster::ClusterRow;
use ringfence_store::issuer::{IssuerRow, IssuingState};
use ringfence_store::sealed::SealedOf;

use crate::authority::ServerTls;
use crate::base::{Base, Failure, sealing_context};

/// The authorities of the cluster, shared.
pub(crate) struct Authorities {
    pub(crate) base: Arc<Base>,
    present: RwLock<Arc<Issuers>>,
    pub(super) server_tls: OnceLock<Arc<ServerTls>>,
    /// The issuer of the API's certificate, and the time from and until which it need not be renewed.
    pub(super) api_fresh: Mutex<Option<(String, Timestamp, Timestamp)>>,
    /// Who asks for CRLs takes turns.
    pub(super) publishing: tokio::sync::Mutex<()>,
}

/// A snapshot of the authorities, without those that are gone.
#[derive(Debug)]
pub(crate) struct Issuers {
    all: Vec<Issuer>,
    state: IssuingState,
    /// The declared settings of certificates.
    pub(crate) settings: AuthoritySettings,
    /// The prefix of the URLs of CRLs.
    endpoint: String,
    /// The roots that a client may trust, newest first, including earlier ones, which have signed the later ones.
    trustable: Vec<Vec<u8>>,
}

/// The maximum number of roots in the bundle of a client: every combination of these is tried.
const TRUSTABLE: usize = 5;

/// One authority.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) view: Authority,
    pub(crate) shards: u32,
    pub(crate) authority: ringfence_pki::Authority,
    /// Of a root: its key, signed by the root before it.
    cross_certificate: Option<Vec<u8>>,
    number: u32,
}

impl Authorities {
    /// Loads the authorities from the database.
    pub(crate) async fn load(base: Arc<Base>, tx: &mut Transaction) -> Result<Self, Failure> {
        let present = RwLock::new(Arc::new(Issuers::load(tx, &base.master_key).await?));
        Ok(Self {
            base,
            present,
            server_tls: OnceLock::new(),
            api_fresh: Mutex::default(),
            publishing: tokio::sync::Mutex::default(),
        })
    }

    /// The cached authorities, which may be outdated. [`fresh`](Self::fresh) compares them with the database.
    pub(crate) fn cached(&self) -> Arc<Issuers> {
        self.present.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The authorities as this transaction reads them. The transaction must not have changed them itself.
    pub(crate) async fn fresh(&self, tx: &mut Transaction) -> Result<Arc<Issuers>, Failure> {
        let cached = self.cached();
        if cached.state == tx.issuers().issuing_state().await? {
            return Ok(cached);
        }
        let fresh = Arc::new(Issuers::load(tx, &self.base.master_key).await?);
        // Under one lock, so that TLS trusts the roots of the same snapshot.
        let mut present = self.present.write().unwrap_or_else(PoisonError::into_inner);
        if present.state == fresh.state {
            return Ok(present.clone());
        }
        if let Some(tls) = self.server_tls.get() {
            tls.trust(&fresh.roots().map(|root| root.authority.certificate().to_vec()).collect::<Vec<_>>())
                .map_err(Failure::internal)?;
        }
        *present = fresh.clone();
        Ok(fresh)
    }
}

impl Issuers {
    async fn load(tx: &mut Transaction, master_key: &MasterKey) -> Result<Self, Failure> {
        let state = tx.issuers().issuing_state().await?;
        let ClusterRow { endpoint, declared, .. } = tx.cluster().get().await?;
        let rows = tx.issuers().list().await?;
        let mut roots: Vec<&IssuerRow> =
            rows.iter().filter(|row| row.view.domain == AuthorityDomain::Root && is_for_clients(&row.view)).collect();
        roots.sort_by_key(|root| std::cmp::Reverse(root.number));
        let trustable = roots.into_iter().take(TRUSTABLE).map(|root| root.certificate.clone()).collect();
        let live = rows.into_iter().filter(|row| row.view.state != AuthorityState::Gone);
        let all = live.map(|row| Issuer::open(row, master_key)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { all, state, settings: declared.authority, endpoint, trustable })
    }

    /// Whether these are the same authorities and settings. Two snapshots of one state are: whether another request
    /// has loaded them again in the meantime does not matter.
    pub(crate) fn are_same(&self, other: &Self) -> bool {
        self.state == other.state
    }

    /// The active authority of a domain.
    pub(crate) fn active(&self, domain: AuthorityDomain) -> Result<&Issuer, Failure> {
        let active =
            self.all.iter().find(|issuer| issuer.view.domain == domain && issuer.view.state == AuthorityState::Active);
        active.ok_or_else(|| Failure::internal(anyhow::anyhow!("there is no active authority for {}", domain.as_str())))
    }

    /// Whether an authority is about to be activated or removed, which depends on the reports of nodes.
    pub(crate) fn is_changing(&self) -> bool {
        self.all.iter().any(|issuer| {
            issuer.view.state == AuthorityState::Prepared
                || (issuer.view.state == AuthorityState::Retired && issuer.view.distrusted_at.is_some())
        })
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Issuer> {
        self.all.iter()
    }

    /// One by its id.
    pub(crate) fn find(&self, id: &str) -> Option<&Issuer> {
        self.all.iter().find(|issuer| issuer.view.id == id)
    }

    /// The roots, the oldest first.
    pub(crate) fn roots(&self) -> impl Iterator<Item = &Issuer> {
        self.all.iter().filter(|issuer| issuer.view.domain == AuthorityDomain::Root)
    }

    /// What nodes trust, in PEM: first the active root, then its successor and its predecessors. Includes a root whose
    /// key is compromised, until no node holds anything that it signed.
    pub(crate) fn ca_bundle(&self) -> String {
        self.bundle(|_| true)
    }

    /// What clients should trust, in PEM: the same without roots whose keys are compromised, once they have a
    /// successor.
    pub(crate) fn client_bundle(&self) -> String {
        self.bundle(|root| is_for_clients(&root.view))
    }

    fn bundle(&self, is_wanted: impl Fn(&&Issuer) -> bool) -> String {
        let (active, others): (Vec<_>, Vec<_>) =
            self.roots().filter(is_wanted).partition(|root| root.view.state == AuthorityState::Active);
        active.into_iter().chain(others).map(|root| pem_certificate(root.authority.certificate())).collect()
    }

    /// The fingerprints of all bundles that a client may trust: every combination of roots.
    pub(crate) fn trust_fingerprints(&self) -> Vec<[u8; 32]> {
        let count = self.trustable.len();
        let chosen = |mask: usize| (0..count).filter(move |index| mask & (1 << index) != 0);
        (1..1_usize << count)
            .map(|mask| trust_fingerprint(chosen(mask).map(|index| self.trustable[index].as_slice())))
            .collect()
    }

    /// The chain that follows a certificate of this issuer, in PEM: the issuer's own certificate, and its root
    /// cross-signed by earlier roots, for verifiers that trust only an earlier one.
    pub(crate) fn chain(&self, issuer: &Issuer, now: Timestamp) -> String {
        let mut chain = pem_certificate(issuer.authority.certificate());
        let mut root = self.find(&issuer.view.parent);
        while let Some((present, cross)) = root.and_then(|root| Some((root, root.cross_certificate.as_ref()?))) {
            let ends = CertificateFacts::read(cross).map(|facts| facts.not_after);
            if ends.is_ok_and(|ends| now <= ends) {
                chain.push_str(&pem_certificate(cross));
            }
            root = self.roots().filter(|before| before.number < present.number).max_by_key(|before| before.number);
        }
        chain
    }

    /// The shard and URL of the CRL that lists this serial number when it is revoked.
    pub(crate) fn crl_of(&self, issuer: &Issuer, serial: &Serial) -> (u32, String) {
        let shard = serial.shard(issuer.shards);
        (shard, crl_url(&self.endpoint, &issuer.view.id, shard))
    }
}

/// Whether a client may trust this root: not when its key is compromised, unless it is still active.
fn is_for_clients(root: &Authority) -> bool {
    root.distrusted_at.is_none() || root.state == AuthorityState::Active
}

impl Issuer {
    fn open(row: IssuerRow, master_key: &MasterKey) -> Result<Self, Failure> {
        let authority = if row.sealed_key.is_empty() {
            ringfence_pki::Authority::without_key(&row.certificate)?
        } else {
            let key = master_key.open(&sealing_context(&SealedOf::Issuer(row.view.id.clone())), &row.sealed_key)?;
            ringfence_pki::Authority::load(&row.certificate, &key)?
        };
        let IssuerRow { view, shards, cross_certificate, number, .. } = row;
        Ok(Self { view, shards, authority, cross_certificate, number })
    }
}

/// The URL of a CRL.
pub(super) fn crl_url(endpoint: &str, issuer: &str, shard: u32) -> String {
    format!("{endpoint}{}", READ_CRL.path(&[issuer, &shard.to_string()]))
}
