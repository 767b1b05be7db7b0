//! Sets: a certificate, its key and further forms of the two in one directory, and the links that name a set.
//!
//! A set is written whole and made durable before a link names it, and a link changes in one step. Which link means
//! what, see [`Disk`](super::Disk).

use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, chown};
use ringfence_api::cluster::ServiceFiles;
use ringfence_pki::{CertificateFacts, PrivateKey, pem_certificates, pkcs12};
use zeroize::Zeroizing;

use crate::disk::file::{create_directory, names_in, remove_directory, remove_file, replace, sync, write};
use crate::error::AgentError;

/// The certificate and its intermediate, in a set.
pub const CERTIFICATE_FILE: &str = "tls.crt";
/// The private key, in a set.
pub const KEY_FILE: &str = "tls.key";
/// Key, certificate and intermediates, in a set if declared.
const COMBINED_FILE: &str = "tls.pem";
/// The same as PKCS #12, in a set if declared.
const PKCS12_FILE: &str = "tls.p12";
/// How the files of a set were declared when it was written.
const DECLARED_FILE: &str = "files.json";
/// The links to sets.
pub(super) const CURRENT: &str = "current";
pub(super) const BEFORE: &str = "before";
pub(super) const REFUSED: &str = "refused";

/// A certificate and key that lie on disk and belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSet {
    /// What the certificate says.
    pub facts: CertificateFacts,
    /// How its files were declared when they were written.
    pub files: ServiceFiles,
}

/// What is written of a set, and whose it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct SetFiles {
    /// How it was declared.
    pub(crate) declared: ServiceFiles,
    /// Who owns the key; the agent itself when none.
    pub(crate) owner: Option<Uid>,
    /// The group of the key; the agent's when none.
    pub(crate) group: Option<Gid>,
    /// The mode of whatever holds the key.
    pub(crate) key_mode: u32,
    /// Whether there is a file with everything in PEM.
    pub(crate) combined_pem: bool,
    /// The password of the PKCS #12 file, if there is to be one.
    pub(crate) pkcs12: Option<Zeroizing<String>>,
}

/// The set that a link of a holder names, if it is whole and its key is the certificate's.
pub(super) fn held_set(holder: &Path, name: &str) -> Option<HeldSet> {
    let set = holder.join(name);
    let chain = fs::read_to_string(set.join(CERTIFICATE_FILE)).ok()?;
    let key = Zeroizing::new(fs::read_to_string(set.join(KEY_FILE)).ok()?);
    let certificates = pem_certificates(&chain).ok()?;
    let facts = certificates.iter().map(|der| CertificateFacts::read(der)).collect::<Result<Vec<_>, _>>().ok()?;
    let facts = facts.into_iter().next()?;
    let files = fs::read(set.join(DECLARED_FILE)).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let files = files.unwrap_or_default();
    (PrivateKey::from_pem(&key).ok()?.public() == facts.public_key).then_some(HeldSet { facts, files })
}

pub(super) fn set_of(serial: &str) -> PathBuf {
    Path::new("sets").join(serial)
}

pub(super) fn read_link(holder: &Path, name: &str) -> Option<PathBuf> {
    fs::read_link(holder.join(name)).ok()
}

/// Makes a link name that set, in one step.
pub(super) fn link(holder: &Path, name: &str, set: &Path) -> Result<(), AgentError> {
    let beside = holder.join(format!(".{name}.new"));
    remove_file(&beside)?;
    std::os::unix::fs::symlink(set, &beside).map_err(AgentError::file("link", &beside))?;
    fs::rename(&beside, holder.join(name)).map_err(AgentError::file("rename", &beside))?;
    sync(holder)
}

pub(super) fn remove_set(holder: &Path, set: &Path) -> Result<(), AgentError> {
    remove_directory(&holder.join(set))
}

/// Writes a set and makes it durable.
pub(super) fn make_set(
    holder: &Path,
    serial: &str,
    chain: &str,
    key: &PrivateKey,
    files: &SetFiles,
) -> Result<(), AgentError> {
    let sets = holder.join("sets");
    let set = holder.join(set_of(serial));
    create_directory(&set)?;
    let secret = |name: &str, bytes: &[u8]| write_secret(&set.join(name), bytes, files);
    write(&set.join(CERTIFICATE_FILE), chain.as_bytes(), 0o644)?;
    let declared = serde_json::to_vec(&files.declared).expect("what was declared serializes");
    write(&set.join(DECLARED_FILE), &declared, 0o600)?;
    secret(KEY_FILE, key.to_pem().as_bytes())?;
    if files.combined_pem {
        let combined = Zeroizing::new(format!("{}{chain}", *key.to_pem()));
        secret(COMBINED_FILE, combined.as_bytes())?;
    }
    if let Some(password) = &files.pkcs12 {
        secret(PKCS12_FILE, &pkcs12(chain, key, password)?)?;
        secret(&format!("{PKCS12_FILE}.password"), password.as_bytes())?;
    }
    sync(&set)?;
    sync(&sets)
}

/// Removes the sets of a holder that no link names.
pub(super) fn remove_unlinked(holder: &Path) -> Result<(), AgentError> {
    let kept: Vec<PathBuf> = [CURRENT, BEFORE, REFUSED].iter().filter_map(|name| read_link(holder, name)).collect();
    for name in names_in(&holder.join("sets"))? {
        if !kept.contains(&set_of(&name)) {
            remove_set(holder, &set_of(&name))?;
        }
    }
    Ok(())
}

/// Writes for the service's owner and group alone.
pub(super) fn write_secret(path: &Path, bytes: &[u8], files: &SetFiles) -> Result<(), AgentError> {
    replace(path, bytes, files.key_mode, |beside| {
        if files.owner.is_some() || files.group.is_some() {
            chown(beside, files.owner, files.group)?;
        }
        Ok(())
    })
}
