//! The four files of a PKI directory, and how they are written: whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where the files of a PKI directory are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The directory itself.
    pub dir: PathBuf,
    /// `ca.pem`: the CA's certificate, what phones and browsers are told to trust.
    pub ca: PathBuf,
    /// `ca.key`: the CA's private key (PKCS #8, mode 0600).
    pub ca_key: PathBuf,
    /// `server.pem`: the server's certificate, then the CA's.
    pub server: PathBuf,
    /// `server.key`: the server's private key (PKCS #8, mode 0600).
    pub server_key: PathBuf,
}

impl Files {
    /// The files of this directory; nothing is read or made.
    pub fn of(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            ca: dir.join("ca.pem"),
            ca_key: dir.join("ca.key"),
            server: dir.join("server.pem"),
            server_key: dir.join("server.key"),
        }
    }
}

/// Who may read a file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Readable {
    /// Its owner alone (0600).
    Owner,
    /// Whom the umask lets (0644).
    All,
}

/// What to do with a file that is already there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Existing {
    /// Put the new one in its place.
    Replace,
    /// Leave it and fail with [`io::ErrorKind::AlreadyExists`].
    Keep,
}

/// Writes a file under a temporary name, syncs it, and renames it: a reader, a full disk or a
/// power cut never leaves half of it.
pub(crate) fn write(path: &Path, text: &str, who: Readable, existing: Existing) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mode = match who {
        Readable::Owner => 0o600,
        Readable::All => 0o644,
    };
    let mut temp = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(dir)?;
    temp.write_all(text.as_bytes())?;
    temp.as_file().sync_all()?;
    match existing {
        Existing::Replace => temp.persist(path)?,
        Existing::Keep => temp.persist_noclobber(path)?,
    };
    File::open(dir)?.sync_all()
}

/// The file's text, or `None` if there is no such file.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read(path) {
        // What is not UTF-8 is not PEM either; the parser says so.
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_kept_file_is_left_as_it_is_and_no_temporary_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.key");
        write(&path, "first", Readable::Owner, Existing::Keep).unwrap();
        let error = write(&path, "second", Readable::Owner, Existing::Keep).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path).unwrap().as_deref(), Some("first"));
        write(&path, "third", Readable::Owner, Existing::Replace).unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("third"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_missing_file_is_none_and_an_unreadable_one_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(&dir.path().join("none")).unwrap(), None);
        assert!(read(dir.path()).is_err(), "a directory");
    }
}
