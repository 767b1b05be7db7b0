//! The node's directory: where everything lies, and how it changes.
//!
//! ```text
//! agent.json, ticket                    written by whoever launches the node
//! trust/ca.pem, trust/crl.pem           roots, and all CRLs in one file
//! node/current -> sets/SERIAL           the node's own certificate: tls.crt, tls.key
//! services/NAME/current -> sets/SERIAL  a service's: tls.crt, tls.key
//! services/NAME/reload-due              its files have changed and it has not been told yet
//! ```
//!
//! A set is written whole and made durable before `current` is renamed to it, so a reader that opens
//! `current/tls.crt` and `current/tls.key` finds a pair. Directories are 0750, keys 0640, the rest 0644; the
//! agent's own key and ticket are 0600.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ringfence_api::ServiceName;
use ringfence_pki::{CertificateFacts, PrivateKey, pem_certificates};
use zeroize::Zeroizing;

use crate::error::AgentError;

/// The certificate and its intermediate, in a set.
pub const CERTIFICATE_FILE: &str = "tls.crt";
/// The private key, in a set.
pub const KEY_FILE: &str = "tls.key";
/// The roots, under `trust`.
pub const CA_FILE: &str = "ca.pem";
/// The CRLs, under `trust`.
pub const CRL_FILE: &str = "crl.pem";

/// The directory of one node.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
}

/// A certificate and key that lie on disk and belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSet {
    /// What the certificate says.
    pub facts: CertificateFacts,
}

/// What lies on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// The node's own certificate.
    pub node: Option<HeldSet>,
    /// The services that have a directory; a service without a good set has none.
    pub services: BTreeMap<ServiceName, Option<HeldSet>>,
    /// Services whose files have changed and that have not been told.
    pub reload_due: Vec<ServiceName>,
    /// The roots.
    pub ca_bundle: Option<String>,
    /// The CRLs.
    pub crls: Option<String>,
}

impl Disk {
    /// The directory; it must exist.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Reads everything. What is damaged counts as absent: it will be replaced.
    pub fn observe(&self) -> Result<Observed, AgentError> {
        let mut observed = Observed {
            node: held_set(&self.node()),
            ca_bundle: read_text(&self.trust().join(CA_FILE))?,
            crls: read_text(&self.trust().join(CRL_FILE))?,
            ..Observed::default()
        };
        for name in names_in(&self.root.join("services"))? {
            let Ok(service) = ServiceName::parse(&name) else { continue };
            let directory = self.service(&service);
            if directory.join("reload-due").exists() {
                observed.reload_due.push(service.clone());
            }
            observed.services.insert(service, held_set(&directory));
        }
        Ok(observed)
    }

    /// The node's own certificate chain and key, in PEM.
    pub fn node_identity(&self) -> Result<(String, Zeroizing<String>), AgentError> {
        let current = self.node().join("current");
        let read = |file: &str| {
            let path = current.join(file);
            fs::read_to_string(&path).map_err(AgentError::file("read", &path))
        };
        Ok((read(CERTIFICATE_FILE)?, Zeroizing::new(read(KEY_FILE)?)))
    }

    /// Replaces the node's own certificate and key.
    pub(crate) fn install_node(&self, serial: &str, chain: &str, key: &PrivateKey) -> Result<(), AgentError> {
        install(&self.node(), serial, chain, key, 0o600)
    }

    /// Replaces a service's certificate and key.
    pub(crate) fn install_service(
        &self,
        service: &ServiceName,
        serial: &str,
        chain: &str,
        key: &PrivateKey,
    ) -> Result<(), AgentError> {
        let directory = self.service(service);
        create_directory(&directory)?;
        install(&directory, serial, chain, key, 0o640)
    }

    /// Notes that a service must be told that its files have changed.
    pub(crate) fn mark_reload_due(&self, service: &ServiceName) -> Result<(), AgentError> {
        create_directory(&self.service(service))?;
        write(&self.service(service).join("reload-due"), b"", 0o644)
    }

    /// Notes that a service has been told.
    pub(crate) fn clear_reload_due(&self, service: &ServiceName) -> Result<(), AgentError> {
        remove_file(&self.service(service).join("reload-due"))
    }

    /// Removes everything of a service.
    pub(crate) fn remove_service(&self, service: &ServiceName) -> Result<(), AgentError> {
        let directory = self.service(service);
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(AgentError::file("remove", &directory)(error)),
            _ => Ok(()),
        }
    }

    /// Replaces the roots.
    pub(crate) fn write_ca_bundle(&self, pem: &str) -> Result<(), AgentError> {
        create_directory(&self.trust())?;
        write(&self.trust().join(CA_FILE), pem.as_bytes(), 0o644)
    }

    /// Replaces the CRLs.
    pub(crate) fn write_crls(&self, pem: &str) -> Result<(), AgentError> {
        create_directory(&self.trust())?;
        write(&self.trust().join(CRL_FILE), pem.as_bytes(), 0o644)
    }

    /// The ticket, if one lies here.
    pub(crate) fn ticket(&self) -> Result<Option<Zeroizing<String>>, AgentError> {
        Ok(read_text(&self.root.join("ticket"))?.map(|text| Zeroizing::new(text.trim().to_owned())))
    }

    /// Removes the ticket once it has been used.
    pub(crate) fn remove_ticket(&self) -> Result<(), AgentError> {
        remove_file(&self.root.join("ticket"))
    }

    /// The key to join with. It is made once and kept until the join has succeeded, because the first key that
    /// shows a ticket owns it: after a lost answer the same key must ask again.
    pub(crate) fn joining_key(&self) -> Result<PrivateKey, AgentError> {
        let path = self.node().join("joining.key");
        if let Some(pem) = read_text(&path)? {
            return Ok(PrivateKey::from_pem(&Zeroizing::new(pem))?);
        }
        create_directory(&self.node())?;
        let key = PrivateKey::generate()?;
        write(&path, key.to_pem().as_bytes(), 0o600)?;
        Ok(key)
    }

    /// Forgets the key to join with.
    pub(crate) fn remove_joining_key(&self) -> Result<(), AgentError> {
        remove_file(&self.node().join("joining.key"))
    }

    /// Removes sets that were written and never became current, and files that were never renamed.
    pub(crate) fn sweep(&self) -> Result<(), AgentError> {
        let mut holders = vec![self.node()];
        for name in names_in(&self.root.join("services"))? {
            holders.push(self.root.join("services").join(name));
        }
        for holder in holders {
            let current = fs::read_link(holder.join("current")).ok();
            for name in names_in(&holder.join("sets"))? {
                if current.as_deref() != Some(&Path::new("sets").join(&name)) {
                    let path = holder.join("sets").join(&name);
                    fs::remove_dir_all(&path).map_err(AgentError::file("remove", &path))?;
                }
            }
        }
        Ok(())
    }

    fn node(&self) -> PathBuf {
        self.root.join("node")
    }

    fn trust(&self) -> PathBuf {
        self.root.join("trust")
    }

    fn service(&self, service: &ServiceName) -> PathBuf {
        self.root.join("services").join(service.as_str())
    }
}

/// The current set of a holder, if it is whole and its key is the certificate's.
fn held_set(holder: &Path) -> Option<HeldSet> {
    let current = holder.join("current");
    let chain = fs::read_to_string(current.join(CERTIFICATE_FILE)).ok()?;
    let key = Zeroizing::new(fs::read_to_string(current.join(KEY_FILE)).ok()?);
    let facts = CertificateFacts::read(pem_certificates(&chain).ok()?.first()?).ok()?;
    (PrivateKey::from_pem(&key).ok()?.public() == facts.public_key).then_some(HeldSet { facts })
}

/// Writes a set, makes it durable, makes it current, removes the one before.
fn install(holder: &Path, serial: &str, chain: &str, key: &PrivateKey, key_mode: u32) -> Result<(), AgentError> {
    let before = fs::read_link(holder.join("current")).ok();
    let set = holder.join("sets").join(serial);
    create_directory(&set)?;
    write(&set.join(CERTIFICATE_FILE), chain.as_bytes(), 0o644)?;
    write(&set.join(KEY_FILE), key.to_pem().as_bytes(), key_mode)?;
    sync(&holder.join("sets"))?;
    let target = Path::new("sets").join(serial);
    let beside = holder.join(".current.new");
    remove_file(&beside)?;
    std::os::unix::fs::symlink(&target, &beside).map_err(AgentError::file("link", &beside))?;
    fs::rename(&beside, holder.join("current")).map_err(AgentError::file("rename", &beside))?;
    sync(holder)?;
    if let Some(before) = before.filter(|before| *before != target) {
        let before = holder.join(before);
        fs::remove_dir_all(&before).map_err(AgentError::file("remove", &before))?;
    }
    Ok(())
}

/// Writes beside, makes durable, renames.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), AgentError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.new"));
    remove_file(&beside)?;
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    written.map_err(AgentError::file("write", path))?;
    sync(path.parent().unwrap_or(Path::new(".")))
}

fn sync(directory: &Path) -> Result<(), AgentError> {
    File::open(directory).and_then(|file| file.sync_all()).map_err(AgentError::file("sync", directory))
}

fn create_directory(path: &Path) -> Result<(), AgentError> {
    fs::DirBuilder::new().recursive(true).mode(0o750).create(path).map_err(AgentError::file("create", path))
}

fn remove_file(path: &Path) -> Result<(), AgentError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(AgentError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

fn read_text(path: &Path) -> Result<Option<String>, AgentError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AgentError::file("read", path)(error)),
    }
}

fn names_in(directory: &Path) -> Result<Vec<String>, AgentError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(AgentError::file("list", directory)(error)),
    };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok().map(|entry| entry.file_name().to_string_lossy().into_owned())).collect();
    names.sort();
    Ok(names)
}
