//! Where the provider listens: a Unix socket in a directory of its own, or TCP on the loopback interface.
//!
//! The directory is readable by its owner only and is removed when the listener goes.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use super::stream::Stream;

/// The shortest limit for the path of a Unix socket among the systems we run on, less the final zero.
#[cfg(unix)]
const SOCKET_PATH_MAX: usize = 103;

/// An address in the words of the handshake.
pub(super) struct Address {
    pub(super) network: &'static str,
    pub(super) path: String,
}

/// A listening socket. What lies in the file system is removed when this goes, whoever still accepts.
pub(super) struct Listener {
    socket: Arc<Socket>,
    address: Address,
    _directory: Option<Directory>,
}

/// Accepts connections.
pub(super) enum Socket {
    /// On a Unix socket.
    #[cfg(unix)]
    Unix(UnixListener),
    /// On TCP.
    Tcp(TcpListener),
}

/// A directory of our own, with nothing but the socket in it.
struct Directory(PathBuf);

impl Listener {
    pub(super) fn bind() -> io::Result<Self> {
        match Self::bind_unix()? {
            Some(listener) => Ok(listener),
            None => Self::bind_tcp(),
        }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn socket(&self) -> Arc<Socket> {
        Arc::clone(&self.socket)
    }

    fn bind_tcp() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = Address { network: "tcp", path: listener.local_addr()?.to_string() };
        let socket = Arc::new(Socket::Tcp(TcpListener::from_std(listener)?));
        Ok(Self { socket, address, _directory: None })
    }

    /// `None` when the path would be too long, or is not text that fits the handshake line.
    #[cfg(unix)]
    fn bind_unix() -> io::Result<Option<Self>> {
        let directory = std::env::temp_dir().join(format!("plugin-{}", unguessable()?));
        let path = socket_in(&directory);
        let Some(text) = path.to_str() else { return Ok(None) };
        if text.len() > SOCKET_PATH_MAX || text.contains(['|', '\n']) {
            return Ok(None);
        }
        std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&directory)?;
        let directory = Directory(directory);
        let socket = Arc::new(Socket::Unix(UnixListener::bind(&path)?));
        let address = Address { network: "unix", path: text.to_owned() };
        Ok(Some(Self { socket, address, _directory: Some(directory) }))
    }

    #[cfg(not(unix))]
    fn bind_unix() -> io::Result<Option<Self>> {
        Ok(None)
    }
}

impl Socket {
    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            #[cfg(unix)]
            Self::Unix(listener) => Ok(Box::pin(listener.accept().await?.0)),
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::pin(stream))
            }
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // On the way out there is nobody left to tell.
        let _ = std::fs::remove_file(socket_in(&self.0));
        let _ = std::fs::remove_dir(&self.0);
    }
}

fn socket_in(directory: &std::path::Path) -> PathBuf {
    directory.join("socket")
}

/// A name that no other user can take first.
#[cfg(unix)]
fn unguessable() -> io::Result<String> {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no randomness"))?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn the_socket_lies_in_a_private_directory_that_goes_with_it() {
        let listener = Listener::bind().unwrap();
        let address = listener.address();
        assert_eq!(address.network, "unix");
        let directory = std::path::Path::new(&address.path).parent().unwrap().to_owned();
        let accepting = listener.socket();
        assert_eq!(std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
        drop(listener);
        assert!(!directory.exists());
        drop(accepting);
    }
}
