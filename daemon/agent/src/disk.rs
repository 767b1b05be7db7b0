//! The node's directory: where everything lies, and how it changes.
//!
//! ```text
//! agent.json, ticket                    written by whoever launches the node
//! trust/ca.pem, trust/crl.pem           roots, and all CRLs in one file
//! node/current -> sets/SERIAL           the node's own certificate: tls.crt, tls.key
//! services/NAME/current -> sets/SERIAL  a service's: tls.crt, tls.key; tls.pem and tls.p12 if declared
//! services/NAME/before -> sets/SERIAL   the one before, to roll back to if the service refuses the current one
//! services/NAME/refused -> sets/SERIAL  the one that it refused, to be tried again
//! services/NAME/token.jwt               its token, if declared
//! services/NAME/reload-due              its files have changed and it has not been told yet
//! ```
//!
//! A reader that opens `current/tls.crt` and `current/tls.key` finds a pair, because a set is whole before `current`
//! names it. Directories are the agent's and 0711: others pass through and can put nothing in its way. Keys and tokens
//! are 0640, or 0600 if declared, of the service's owner; certificates, roots and CRLs are 0644, because services and
//! their clients read them; what only the agent reads is 0600.

mod file;
mod set;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use ringfence_api::ServiceName;
use ringfence_pki::{PrivateKey, TokenFacts, pem_certificates, pem_crls};
use zeroize::Zeroizing;

use crate::disk::file::{create_directory, names_in, read_valid, remove_directory, remove_file, write};
pub(crate) use crate::disk::set::SetFiles;
use crate::disk::set::{
    BEFORE, CURRENT, REFUSED, held_set, link, make_set, read_link, remove_set, remove_unlinked, set_of, write_secret,
};
pub use crate::disk::set::{CERTIFICATE_FILE, HeldSet, KEY_FILE};
use crate::error::AgentError;

/// The token of a service, if declared.
pub const TOKEN_FILE: &str = "token.jwt";
/// The roots, under `trust`.
pub const CA_FILE: &str = "ca.pem";
/// The CRLs, under `trust`.
pub const CRL_FILE: &str = "crl.pem";

/// The directory of one node.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
}

/// What lies on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// The node's own certificate.
    pub node: Option<HeldSet>,
    /// The services that have a directory; a service without a valid set has none.
    pub services: BTreeMap<ServiceName, Option<HeldSet>>,
    /// Services whose files have changed and that have not been told.
    pub reload_due: Vec<ServiceName>,
    /// What services refused when they were told.
    pub refused: BTreeMap<ServiceName, HeldSet>,
    /// The tokens that lie here; a file that holds none counts as a token without facts.
    pub tokens: BTreeMap<ServiceName, Option<TokenFacts>>,
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
            node: held_set(&self.node(), CURRENT),
            ca_bundle: read_valid(&self.trust().join(CA_FILE), |text| pem_certificates(text).is_ok())?,
            crls: read_valid(&self.trust().join(CRL_FILE), |text| pem_crls(text).is_ok())?,
            ..Observed::default()
        };
        for name in names_in(&self.root.join("services"))? {
            let Ok(service) = ServiceName::parse(&name) else { continue };
            let directory = self.service(&service);
            if directory.join("reload-due").exists() {
                observed.reload_due.push(service.clone());
            }
            if let Some(refused) = held_set(&directory, REFUSED) {
                observed.refused.insert(service.clone(), refused);
            }
            match fs::read_to_string(directory.join(TOKEN_FILE)).map(Zeroizing::new) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                token => {
                    let facts = token.ok().and_then(|token| TokenFacts::read(token.trim()));
                    observed.tokens.insert(service.clone(), facts);
                }
            }
            observed.services.insert(service, held_set(&directory, CURRENT));
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
        create_directory(&self.node())?;
        let files = SetFiles { key_mode: 0o600, ..SetFiles::default() };
        make_set(&self.node(), serial, chain, key, &files)?;
        self.make_node_current(serial)
    }

    fn make_node_current(&self, serial: &str) -> Result<(), AgentError> {
        let holder = self.node();
        let before = read_link(&holder, CURRENT);
        link(&holder, CURRENT, &set_of(serial))?;
        before.filter(|before| *before != set_of(serial)).map_or(Ok(()), |before| remove_set(&holder, &before))
    }

    /// Replaces a service's certificate and key. What it had before stays until it has accepted the new one.
    pub(crate) fn install_service(
        &self,
        service: &ServiceName,
        serial: &str,
        chain: &str,
        key: &PrivateKey,
        files: &SetFiles,
    ) -> Result<(), AgentError> {
        let holder = self.service(service);
        make_set(&holder, serial, chain, key, files)?;
        self.make_service_current(service, &set_of(serial))
    }

    /// Tries again what the service refused.
    pub(crate) fn try_refused(&self, service: &ServiceName) -> Result<(), AgentError> {
        let holder = self.service(service);
        match read_link(&holder, REFUSED) {
            Some(refused) => {
                self.make_service_current(service, &refused)?;
                remove_file(&holder.join(REFUSED))
            }
            None => Ok(()),
        }
    }

    fn make_service_current(&self, service: &ServiceName, set: &Path) -> Result<(), AgentError> {
        let holder = self.service(service);
        // Only what the service is known to have accepted is worth rolling back to.
        if let Some(current) = read_link(&holder, CURRENT).filter(|current| current != set)
            && read_link(&holder, BEFORE).is_none()
        {
            link(&holder, BEFORE, &current)?;
        }
        link(&holder, CURRENT, set)?;
        remove_unlinked(&holder)
    }

    /// The service has accepted what is current.
    pub(crate) fn settle(&self, service: &ServiceName) -> Result<(), AgentError> {
        let holder = self.service(service);
        remove_file(&holder.join(BEFORE))?;
        remove_file(&holder.join(REFUSED))?;
        remove_unlinked(&holder)
    }

    /// The service has refused what is current: rolls back to what it had before. Returns whether there was anything.
    pub(crate) fn roll_back(&self, service: &ServiceName) -> Result<bool, AgentError> {
        let holder = self.service(service);
        let (Some(current), Some(before)) = (read_link(&holder, CURRENT), read_link(&holder, BEFORE)) else {
            return Ok(false);
        };
        link(&holder, REFUSED, &current)?;
        link(&holder, CURRENT, &before)?;
        remove_file(&holder.join(BEFORE))?;
        Ok(true)
    }

    /// Replaces the token of a service.
    pub(crate) fn write_token(&self, service: &ServiceName, token: &str, files: &SetFiles) -> Result<(), AgentError> {
        create_directory(&self.service(service))?;
        write_secret(&self.service(service).join(TOKEN_FILE), token.as_bytes(), files)
    }

    /// Removes the token of a service.
    pub(crate) fn remove_token(&self, service: &ServiceName) -> Result<(), AgentError> {
        remove_file(&self.service(service).join(TOKEN_FILE))
    }

    /// Notes that a service must be told that its files have changed.
    pub(crate) fn mark_reload_due(&self, service: &ServiceName) -> Result<(), AgentError> {
        create_directory(&self.service(service))?;
        write(&self.service(service).join("reload-due"), b"", 0o600)
    }

    /// Notes that a service has been told.
    pub(crate) fn clear_reload_due(&self, service: &ServiceName) -> Result<(), AgentError> {
        remove_file(&self.service(service).join("reload-due"))
    }

    /// Removes everything of a service.
    pub(crate) fn remove_service(&self, service: &ServiceName) -> Result<(), AgentError> {
        remove_directory(&self.service(service))
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
        Ok(read_valid(&self.root.join("ticket"), |_| true)?.map(|text| Zeroizing::new(text.trim().to_owned())))
    }

    /// Removes the ticket once it has been used.
    pub(crate) fn remove_ticket(&self) -> Result<(), AgentError> {
        remove_file(&self.root.join("ticket"))
    }

    /// The key to join with. It is made once and kept until the join has succeeded, because the first key that
    /// shows a ticket owns it: after a lost answer the same key must ask again.
    pub(crate) fn joining_key(&self) -> Result<PrivateKey, AgentError> {
        let path = self.node().join("joining.key");
        if let Some(pem) = read_valid(&path, |text| PrivateKey::from_pem(text).is_ok())? {
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
        holders.iter().try_for_each(|holder| remove_unlinked(holder))
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

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use jiff::SignedDuration;
    use proptest::prelude::*;
    use ringfence_api::authority::AuthorityDomain;
    use ringfence_api::cluster::KeyAlgorithm;
    use ringfence_pki::{Authority, Plan, Serial, pem_certificate, pem_crl};

    use super::*;

    /// Everything that an agent keeps, of one authority.
    fn furnished(root: &Path) -> Disk {
        let disk = Disk::new(root);
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let plan = |name: &str| Plan {
            domain: AuthorityDomain::Root,
            name: name.to_owned(),
            serial: Serial::random(&SystemRandom::new()),
            algorithm: KeyAlgorithm::default(),
            lifetime: SignedDuration::from_hours(24),
        };
        // What lies in a set need not be a leaf for this.
        let set = |name: &str| {
            let made = Authority::create_root(&plan(name), now).unwrap();
            (
                made.serial.to_string(),
                pem_certificate(&made.certificate),
                PrivateKey::from_der(&made.private_key).unwrap(),
            )
        };
        let (serial, chain, key) = set("node");
        disk.install_node(&serial, &chain, &key).unwrap();
        disk.write_ca_bundle(&chain).unwrap();
        disk.write_crls(&pem_crl(b"not looked at here")).unwrap();
        let service = ServiceName::parse("query").unwrap();
        for _ in 0..2 {
            let (serial, chain, key) = set("query");
            disk.install_service(&service, &serial, &chain, &key, &SetFiles::default()).unwrap();
        }
        disk.mark_reload_due(&service).unwrap();
        disk.joining_key().unwrap();
        fs::write(root.join("ticket"), "a ticket").unwrap();
        disk
    }

    fn files_below(directory: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_symlink() || path.is_file() {
                files.push(path);
            } else {
                files.extend(files_below(&path));
            }
        }
        files.sort();
        files
    }

    /// Puts the bytes in the place of a file, or of a part of it.
    fn damage(path: &Path, at: usize, bytes: &[u8], whole: bool) {
        if path.is_symlink() {
            let target = String::from_utf8_lossy(bytes).replace(['\0', '/'], "x");
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink(format!("x{target}"), path).unwrap();
            return;
        }
        let mut text = fs::read(path).unwrap();
        let at = if whole || text.is_empty() { 0 } else { at % text.len() };
        let end = if whole { text.len() } else { (at + bytes.len()).min(text.len()) };
        drop(text.splice(at..end, bytes.iter().copied()));
        fs::write(path, text).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_damaged_is_absent_or_whole_and_stops_nobody(
            which in any::<prop::sample::Index>(),
            at in any::<usize>(),
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            whole in any::<bool>(),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let disk = furnished(directory.path());
            let before = disk.observe().unwrap();
            let files = files_below(directory.path());
            damage(&files[which.index(files.len())], at, &bytes, whole);
            let after = disk.observe().unwrap();
            let installed: Vec<_> = before.node.iter().chain(before.services.values().flatten()).collect();
            for set in after.node.iter().chain(after.services.values().flatten()) {
                let known = installed.iter().any(|held| held.facts.public_key == set.facts.public_key);
                prop_assert!(known, "a set that was never installed");
            }
            prop_assert!(after.ca_bundle.as_deref().is_none_or(|text| pem_certificates(text).is_ok()));
            let _ = disk.ticket().unwrap();
            prop_assert!(PrivateKey::from_pem(&disk.joining_key().unwrap().to_pem()).is_ok());
            disk.sweep().unwrap();
            // Everything can be put right again.
            let (serial, chain, key) = {
                let key = PrivateKey::generate().unwrap();
                ("00".to_owned(), before.ca_bundle.clone().unwrap(), key)
            };
            disk.write_ca_bundle(&chain).unwrap();
            disk.write_crls("").unwrap();
            disk.install_node(&serial, &chain, &key).unwrap();
            let service = ServiceName::parse("query").unwrap();
            disk.install_service(&service, &serial, &chain, &key, &SetFiles::default()).unwrap();
            prop_assert_eq!(disk.observe().unwrap().ca_bundle, Some(chain));
        }
    }
}
