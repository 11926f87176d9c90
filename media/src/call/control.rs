//! The control socket of a phone: whoever may use it writes a line and reads one. It only carries
//! them; what they mean is the phone's.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream as Probe,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    runtime::Handle,
    sync::{mpsc::UnboundedSender, oneshot},
    time::timeout,
};

use super::News;

/// No request is longer.
const MAX_LEN: u64 = 256;

/// How long one may take to write it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked on the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// `call NAME`
    Call(String),
    /// `hangup`
    HangUp,
    /// `status`
    Status,
}

/// The socket; it is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Control(PathBuf);

impl Control {
    /// Listens, for the user that this process runs as and for root.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub(super) fn listen(
        path: &Path,
        runtime: &Handle,
        tell: UnboundedSender<News>,
    ) -> io::Result<Self> {
        remove_stale(path)?;
        let _context = runtime.enter();
        let listener = UnixListener::bind(path)?;
        let control = Self(path.to_owned());
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let owner = fs::metadata(path)?.uid();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Permissions came a moment after the socket.
                if stream.peer_cred().is_ok_and(|peer| [0, owner].contains(&peer.uid())) {
                    tokio::spawn(serve(stream, tell.clone()));
                }
            }
        });
        Ok(control)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Request {
    /// Reads a line; `None` if it is none of these.
    fn read(line: &str) -> Option<Self> {
        match line.trim().split_once(' ') {
            Some(("call", name)) => Some(Self::Call(name.trim().to_owned())),
            None if line.trim() == "hangup" => Some(Self::HangUp),
            None if line.trim() == "status" => Some(Self::Status),
            _ => None,
        }
    }
}

/// What a process left that did not end in order. Nothing else is removed: to connect to a file that
/// is no socket is refused as well, and through a link it is another one that refuses.
fn remove_stale(path: &Path) -> io::Result<()> {
    let there = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        there => there?.file_type(),
    };
    if !there.is_socket() {
        let what = "something is there already that is no socket, and is left alone";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
    }
    match Probe::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another program listens there")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(_) => Ok(()),
    }
}

/// Answers line by line until the other end closes. Errors are the other end's.
async fn serve(stream: UnixStream, tell: UnboundedSender<News>) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = String::new();
        let mut limited = (&mut reader).take(MAX_LEN);
        if timeout(PATIENCE, limited.read_line(&mut line)).await?? == 0 {
            return Ok(());
        }
        let answer = ask(&line, &tell).await;
        writer.write_all(format!("{answer}\n").as_bytes()).await?;
    }
}

async fn ask(line: &str, tell: &UnboundedSender<News>) -> String {
    let Some(request) = Request::read(line) else {
        return "error: say call NAME, hangup or status".into();
    };
    let (answer, answered) = oneshot::channel();
    let told = tell.send(News::Asked(request, answer));
    match (told, answered.await) {
        (Ok(()), Ok(answer)) => answer,
        _ => "error: the program ends".into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::{fs::symlink, net::UnixListener};

    use super::*;

    #[test]
    fn only_a_socket_that_nobody_serves_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let [file, stale, link] = ["file", "stale", "link"].map(|name| dir.path().join(name));
        fs::write(&file, "of value").unwrap();
        let listener = UnixListener::bind(&stale).unwrap();
        symlink(&stale, &link).unwrap();
        assert_eq!(remove_stale(&stale).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        for path in [&file, &link, &dir.path().to_owned()] {
            assert_eq!(remove_stale(path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read(&file).unwrap(), b"of value");
        assert!(link.is_symlink());
        for _ in 0..2 {
            remove_stale(&stale).unwrap();
            assert!(!stale.exists());
        }
    }

    #[test]
    fn lines() {
        assert_eq!(Request::read("call ann\n"), Some(Request::Call("ann".into())));
        assert_eq!(Request::read(" hangup \r\n"), Some(Request::HangUp));
        assert_eq!(Request::read("status"), Some(Request::Status));
        for line in ["", "call", "hangup now", "dance"] {
            assert_eq!(Request::read(line), None, "{line}");
        }
    }
}
