//! Encrypts and decrypts backups, in the format of age (<https://age-encryption.org/v1>), so that they can be opened
//! without this program too.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::iter;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use age::secrecy::SecretString;
use age::stream::StreamWriter;
use age::{Decryptor, Encryptor, IdentityFile, scrypt, x25519};
use anyhow::{Context as _, ensure};
use clap::Args;
use ringfence_place::private_file::{Readers, read_private};
use zeroize::Zeroizing;

/// Whom a backup is encrypted to.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct EncryptTo {
    /// A public key of age, as `age-keygen` prints it
    #[arg(long, value_name = "age1…", value_parser = recipient)]
    recipient: Option<x25519::Recipient>,
    /// A file whose first line is a passphrase, of at least 20 characters
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// How a backup is decrypted.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct DecryptWith {
    /// A file with the secret key of age
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// A file whose first line is the passphrase
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// The shortest passphrase: whoever has the backup can try as long as they like.
const PASSPHRASE: usize = 20;
/// The greatest work factor of a passphrase that is accepted: 2^22 takes some ten seconds and 4 GiB.
const WORK_FACTOR: u8 = 22;

fn recipient(text: &str) -> Result<x25519::Recipient, String> {
    text.parse().map_err(|error: &str| error.to_owned())
}

/// Creates a file that must not exist, readable by its owner only, for what `write` writes into it, encrypted. Nothing
/// remains of it when that fails.
pub(crate) async fn encrypted<T>(
    path: &Path,
    to: &EncryptTo,
    write: impl AsyncFnOnce(&mut (dyn Write + Send)) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let encryptor = to.encryptor()?;
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    let file = file.with_context(|| format!("cannot create {}: a backup replaces no file", path.display()))?;
    let done = async {
        let mut out: StreamWriter<_> = encryptor.wrap_output(BufWriter::new(&file))?;
        let done = write(&mut out).await?;
        out.finish()?.flush()?;
        file.sync_all()?;
        anyhow::Ok(done)
    };
    let done = done.await;
    if done.is_err() {
        let _ = std::fs::remove_file(path);
    }
    done
}

/// Opens an encrypted file.
pub(crate) fn decrypted(path: &Path, with: &DecryptWith) -> anyhow::Result<Box<dyn BufRead>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let decryptor = Decryptor::new_buffered(BufReader::new(file));
    let decryptor = decryptor.with_context(|| format!("{} is not a file of age", path.display()))?;
    let identities = with.identities()?;
    let reader = decryptor.decrypt(identities.iter().map(|identity| &**identity as &dyn age::Identity));
    let reader = reader.with_context(|| format!("{} cannot be decrypted", path.display()))?;
    Ok(Box::new(BufReader::new(reader)))
}

impl EncryptTo {
    fn encryptor(&self) -> anyhow::Result<Encryptor> {
        if let Some(recipient) = &self.recipient {
            return Ok(Encryptor::with_recipients(iter::once(recipient as &dyn age::Recipient))?);
        }
        let path = self.passphrase_file.as_deref().context("name a recipient or a passphrase file")?;
        let passphrase = passphrase(path)?;
        let length = passphrase.chars().count();
        ensure!(
            length >= PASSPHRASE,
            "{}: the passphrase has {length} characters and must have {PASSPHRASE}: whoever has the backup can guess",
            path.display()
        );
        Ok(Encryptor::with_user_passphrase(SecretString::from(passphrase.to_string())))
    }
}

impl DecryptWith {
    fn identities(&self) -> anyhow::Result<Vec<Box<dyn age::Identity + Send + Sync>>> {
        if let Some(path) = &self.identity {
            let text = read_private(path, Readers::Nobody).map(Zeroizing::new)?;
            let identities = IdentityFile::from_buffer(text.as_bytes());
            let identities = identities.with_context(|| format!("{} holds no key of age", path.display()))?;
            return Ok(identities.into_identities()?);
        }
        let path = self.passphrase_file.as_deref().context("name an identity or a passphrase file")?;
        let mut identity = scrypt::Identity::new(SecretString::from(passphrase(path)?.to_string()));
        identity.set_max_work_factor(WORK_FACTOR);
        Ok(vec![Box::new(identity)])
    }
}

fn passphrase(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let text = read_private(path, Readers::Nobody).map(Zeroizing::new)?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().trim().to_owned()))
}
