//! `ringfenced ca`: an offline root, whose key is in a directory on a machine of its own. It signs what a daemon then
//! imports: the first authorities, successors of intermediates, and its CRL. Only `import` uses the network.
//!
//! ```text
//! root.key, root.crt   the root's key (PKCS #8, 0600) and certificate
//! ca.json              what it has signed so far
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use aws_lc_rs::rand::SystemRandom;
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use ringfence_api::authority::route::READ_CRL;
use ringfence_api::authority::{AuthorityDomain, ImportAuthorities, ImportIntermediate};
use ringfence_api::certificate::RevocationReason;
use ringfence_api::cluster::KeyAlgorithm;
use ringfence_api::{Clock as _, ClusterId, ClusterName, SystemClock};
use ringfence_pki::{
    Authority, CrlShard, Entries, Extent, Plan, PrivateKey, Revoked, Serial, Validity, pem_certificate,
    pem_certificates, pem_crl,
};
use ringfence_place::file::atomic_write;
use ringfence_place::private_file::{Readers, read_private};
use serde::{Deserialize, Serialize};

use crate::authority::subject_name;
use crate::command::operator::Operator;
use crate::command::output::{notify, print};
use crate::serve::IMPORTED_FILE;

/// Operate an offline root, and import what it signs.
#[derive(Debug, Args)]
pub struct Ca {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Create a root and the first intermediates of a cluster that does not exist yet
    Init {
        #[command(flatten)]
        place: Place,
        /// The cluster's name
        #[arg(long, value_name = "NAME", value_parser = ClusterName::parse)]
        cluster_name: ClusterName,
        /// The cluster's id, as in its future serve.toml
        #[arg(long, value_name = "UUID", value_parser = ClusterId::parse)]
        cluster_id: ClusterId,
        /// The API's address, such as <https://10.0.0.7:8443>: certificates name it as the address of their CRLs
        #[arg(long, value_name = "URL")]
        endpoint: String,
        /// The kind of the keys: `ecdsa_p256`, `ecdsa_p384`, `ed25519`, `rsa_2048`, `rsa_3072` or `rsa_4096`
        #[arg(long, value_name = "ALGORITHM", default_value = "ecdsa_p256")]
        key_algorithm: String,
        /// How long the root is valid
        #[arg(long, value_name = "YEARS", default_value_t = 10, value_parser = clap::value_parser!(i64).range(1..=30))]
        root_years: i64,
        /// How long a CRL of the root is valid; another one must be imported before it expires
        #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(i64).range(1..=366))]
        list_days: i64,
    },
    /// Sign another intermediate, for `services` or `projects`
    Intermediate {
        #[command(flatten)]
        place: Place,
        /// The domain that it signs for
        #[arg(value_parser = domain)]
        domain: AuthorityDomain,
    },
    /// Sign another CRL of the root
    List {
        #[command(flatten)]
        place: Place,
        /// An intermediate to revoke, by its serial number; may be repeated
        #[arg(long, value_name = "SERIAL")]
        revoke: Vec<String>,
    },
    /// Import what was signed into a running cluster
    Import(Import),
    /// The former name of `import`
    #[command(hide = true)]
    Bring(Import),
}

#[derive(Debug, Args)]
struct Import {
    #[command(flatten)]
    operator: Operator,
    /// A file that `init`, `intermediate` or `list` has written
    file: PathBuf,
}

#[derive(Debug, Args)]
struct Place {
    /// The directory of the root
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
    /// The file to write, for the import
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// What the root has signed so far.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    cluster_name: ClusterName,
    cluster_id: ClusterId,
    endpoint: String,
    key_algorithm: KeyAlgorithm,
    list_days: i64,
    list_number: i64,
    /// How many intermediates of each domain there are.
    intermediates: BTreeMap<String, u32>,
    /// The revoked intermediates, with the times of their revocation.
    revoked: BTreeMap<String, Timestamp>,
}

/// How long an intermediate is valid, unless the root expires earlier.
const INTERMEDIATE_LIFETIME: SignedDuration = SignedDuration::from_hours(5 * 365 * 24);

impl Ca {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.what {
            What::Init { place, cluster_name, cluster_id, endpoint, key_algorithm, root_years, list_days } => {
                ensure!(
                    endpoint.starts_with("https://") && !endpoint.ends_with('/'),
                    "the endpoint must be https://HOST:PORT, as clients reach the API"
                );
                let key_algorithm = KeyAlgorithm::from_word(&key_algorithm)
                    .with_context(|| format!("unknown key algorithm {key_algorithm:?}"))?;
                let state = State {
                    cluster_name,
                    cluster_id,
                    endpoint,
                    key_algorithm,
                    list_days,
                    list_number: 0,
                    intermediates: BTreeMap::new(),
                    revoked: BTreeMap::new(),
                };
                init(&place, state, SignedDuration::from_hours(root_years * 365 * 24))
            }
            What::Intermediate { place, domain } => {
                let mut root = Root::open(&place.directory)?;
                let piece = root.intermediate(domain)?;
                root.write(&place.directory)?;
                let import = ImportAuthorities { intermediates: vec![piece], ..ImportAuthorities::default() };
                write(&place.out, &import)?;
                print(format_args!(
                    "{}: another intermediate for {}; it holds a key",
                    place.out.display(),
                    domain.as_str()
                ))?;
                Ok(())
            }
            What::List { place, revoke } => {
                let mut root = Root::open(&place.directory)?;
                for serial in revoke {
                    let serial = Serial::parse(&serial).with_context(|| format!("{serial} is not a serial number"))?;
                    root.state.revoked.entry(serial.to_string()).or_insert_with(|| SystemClock.now());
                }
                let list = root.list()?;
                root.write(&place.directory)?;
                write(&place.out, &ImportAuthorities { list: Some(list), ..ImportAuthorities::default() })?;
                print(format_args!("{}: CRL number {} of the root", place.out.display(), root.state.list_number))?;
                Ok(())
            }
            What::Import(import) => import.run().await,
            What::Bring(import) => {
                notify("ringfenced: `ca bring` is now called `ca import`; the next version removes the old name\n");
                import.run().await
            }
        }
    }
}

impl Import {
    async fn run(self) -> anyhow::Result<()> {
        let Self { operator, file } = self;
        let text = std::fs::read(&file).map(zeroize::Zeroizing::new);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        let import: ImportAuthorities = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not what `ringfenced ca` writes", file.display()))?;
        match operator.client()?.import_authorities(&import).await {
            Ok(all) => {
                for one in all {
                    print(format_args!("{} {}", one.id, one.state.as_str()))?;
                }
                Ok(())
            }
            // When an intermediate has ended, nobody can connect. Whoever may write into the head's directory may
            // import.
            Err(error) => match operator.head().filter(|_| error.is_unreachable()) {
                Some(head) => {
                    let path = head.join(IMPORTED_FILE);
                    ensure!(!path.exists(), "{} waits to be imported: start the head first", path.display());
                    ringfence_place::file::atomic_write(&path, &text, 0o600)?;
                    let path = path.display();
                    print(format_args!("the API cannot be reached; the head imports {path} as soon as it runs"))?;
                    Ok(())
                }
                None => Err(error.into()),
            },
        }
    }
}

fn domain(text: &str) -> Result<AuthorityDomain, String> {
    AuthorityDomain::from_word(text)
        .filter(|domain| *domain != AuthorityDomain::Root)
        .ok_or_else(|| "it must be services or projects".to_owned())
}

/// An offline root, with its key.
struct Root {
    authority: Authority,
    state: State,
}

fn init(place: &Place, state: State, lifetime: SignedDuration) -> anyhow::Result<()> {
    let directory = &place.directory;
    ringfence_place::process::create_directory(directory)?;
    ensure!(!directory.join("root.crt").exists(), "{} already holds a root", directory.display());
    let plan = Plan {
        domain: AuthorityDomain::Root,
        name: subject_name(&state.cluster_name, &state.cluster_id, AuthorityDomain::Root, 1),
        serial: Serial::random(&SystemRandom::new()),
        algorithm: state.key_algorithm,
        lifetime,
    };
    let created = Authority::create_root(&plan, SystemClock.now())?;
    let key = PrivateKey::from_der(&created.private_key)?;
    let mut root = Root { authority: Authority::load(&created.certificate, &created.private_key)?, state };
    let intermediates = [AuthorityDomain::Services, AuthorityDomain::Projects];
    let intermediates = intermediates.into_iter().map(|domain| root.intermediate(domain)).collect::<Result<_, _>>()?;
    let certificate = pem_certificate(&created.certificate);
    let import = ImportAuthorities { root: Some(certificate.clone()), list: Some(root.list()?), intermediates };
    atomic_write(&directory.join("root.key"), key.to_pem().as_bytes(), 0o600)?;
    root.write(directory)?;
    write(&place.out, &import)?;
    // Last, so that an interrupted `init` can be repeated.
    atomic_write(&directory.join("root.crt"), certificate.as_bytes(), 0o644)?;
    print(format_args!(
        "{}: the first authorities of cluster {}; put it beside serve.toml as imported.json before the first start. \
         It holds the keys of the intermediates; the head removes it",
        place.out.display(),
        root.state.cluster_name
    ))?;
    Ok(())
}

impl Root {
    fn open(directory: &Path) -> anyhow::Result<Self> {
        let read = |file: &str| {
            let path = directory.join(file);
            std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}: create it with `ca init`", path.display()))
        };
        let certificates = pem_certificates(&read("root.crt")?)?;
        let key = zeroize::Zeroizing::new(read_private(&directory.join("root.key"), Readers::Nobody)?);
        let key = PrivateKey::from_pem(&key)?;
        let state = serde_json::from_str(&read("ca.json")?).context("ca.json is not valid")?;
        Ok(Self { authority: Authority::load(&certificates[0], &key.to_der())?, state })
    }

    /// Saves what was signed. Called before the output is written, so that no number is used twice.
    fn write(&self, directory: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(&self.state)?;
        Ok(atomic_write(&directory.join("ca.json"), text.as_bytes(), 0o600)?)
    }

    fn list_url(&self) -> String {
        format!("{}{}", self.state.endpoint, READ_CRL.path(&["root-1", "0"]))
    }

    fn intermediate(&mut self, domain: AuthorityDomain) -> anyhow::Result<ImportIntermediate> {
        let count = self.state.intermediates.entry(domain.as_str().to_owned()).or_default();
        *count += 1;
        let plan = Plan {
            domain,
            name: subject_name(&self.state.cluster_name, &self.state.cluster_id, domain, *count),
            serial: Serial::random(&SystemRandom::new()),
            algorithm: self.state.key_algorithm,
            lifetime: INTERMEDIATE_LIFETIME,
        };
        let created = self.authority.create_intermediate(&plan, &self.list_url(), SystemClock.now())?;
        let key = PrivateKey::from_der(&created.private_key)?;
        Ok(ImportIntermediate {
            domain,
            certificate: pem_certificate(&created.certificate),
            private_key: key.to_pem().to_string(),
        })
    }

    fn list(&mut self) -> anyhow::Result<String> {
        self.state.list_number += 1;
        let entries: Entries = self
            .state
            .revoked
            .iter()
            .filter_map(|(serial, at)| {
                Some(Revoked {
                    serial: Serial::parse(serial)?,
                    revoked_at: *at,
                    reason: RevocationReason::CaCompromise,
                })
            })
            .collect();
        let shard = CrlShard { domain: AuthorityDomain::Root, url: self.list_url(), delta_url: None };
        let validity = Validity::starting(SystemClock.now(), SignedDuration::from_hours(24 * self.state.list_days));
        let list = self.authority.sign_crl(&shard, self.state.list_number, Extent::Complete, entries, validity)?;
        Ok(pem_crl(&list.der))
    }
}

fn write(out: &Path, import: &ImportAuthorities) -> anyhow::Result<()> {
    let text = zeroize::Zeroizing::new(serde_json::to_string_pretty(import)?);
    Ok(atomic_write(out, text.as_bytes(), 0o600)?)
}
