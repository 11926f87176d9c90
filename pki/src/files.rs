//! The files of a PKI directory, and how they are written: whole or not at all, and by one at a
//! time.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::libc::O_NOFOLLOW;
use nix::unistd::geteuid;

/// Nobody's certificate is larger; a device file has no end.
const MAX_LEN: u64 = 1024 * 1024;

/// Whoever writes holds it; empty.
const LOCK: &str = ".lock";

/// Where the files of a PKI directory are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The directory itself.
    pub dir: PathBuf,
    /// `ca.pem`: the CA's certificate, what phones and browsers are told to trust. During a
    /// rotation two of them; the first signs.
    pub ca: PathBuf,
    /// `ca.key`: the CA's private key (PKCS #8, mode 0600).
    pub ca_key: PathBuf,
    /// `server.pem`: the server's certificate, then the CA's.
    pub server: PathBuf,
    /// `server.key`: the server's private key (PKCS #8, mode 0600).
    pub server_key: PathBuf,
    /// `ca-next.key`: the key of the CA that a rotation leads to (PKCS #8, mode 0600).
    pub next_key: PathBuf,
    /// `ca-old.key`: the key of the CA that a rotation has left (PKCS #8, mode 0600).
    pub old_key: PathBuf,
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
            next_key: dir.join("ca-next.key"),
            old_key: dir.join("ca-old.key"),
        }
    }

    /// Whether a path, however it is written, is that of one of them.
    pub(crate) fn have(&self, path: &Path) -> bool {
        let Self { dir, ca, ca_key, server, server_key, next_key, old_key } = self;
        let is_here = || match (parent(path).canonicalize(), dir.canonicalize()) {
            (Ok(parent), Ok(dir)) => parent == dir,
            _ => false,
        };
        let ours = [ca, ca_key, server, server_key, next_key, old_key];
        ours.iter().any(|own| own.file_name() == path.file_name()) && is_here()
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
pub(crate) fn write(
    path: &Path,
    content: &[u8],
    who: Readable,
    existing: Existing,
) -> io::Result<()> {
    #[cfg(test)]
    power::spend()?;
    let dir = parent(path);
    let mode = match who {
        Readable::Owner => 0o600,
        Readable::All => 0o644,
    };
    let mut temp = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(dir)?;
    give_to_owner_of(dir, temp.as_file())?;
    temp.write_all(content)?;
    temp.as_file().sync_all()?;
    match existing {
        Existing::Replace => temp.persist(path)?,
        Existing::Keep => temp.persist_noclobber(path)?,
    };
    File::open(dir)?.sync_all()
}

/// Renames a key. What is in the new place is only replaced if it is the same.
pub(crate) fn rename_key(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(test)]
    power::spend()?;
    if let Some(there) = read(to)?
        && Some(there) != read(from)?
    {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is another key"));
    }
    fs::rename(from, to)?;
    File::open(parent(to))?.sync_all()
}

/// Removes a file; one that is not there is removed already.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    power::spend()?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => File::open(parent(path))?.sync_all(),
    }
}

/// Waits until nobody else writes in the directory; the kernel lets go with the file, also of one
/// who was killed. `None` if the directory may not be written in.
///
/// Root may be at work in a service's directory, where the service must not be able to lead it to a
/// file elsewhere by a link.
pub(crate) fn lock(dir: &Path) -> Option<File> {
    let mut options = File::options();
    options.create(true).append(true).mode(0o600).custom_flags(O_NOFOLLOW);
    let file = options.open(dir.join(LOCK)).ok()?;
    if file.metadata().ok()?.nlink() != 1 {
        return None;
    }
    give_to_owner_of(dir, &file).ok()?;
    file.lock().ok()?;
    Some(file)
}

/// What root makes in a service's directory is the service's.
fn give_to_owner_of(dir: &Path, file: &File) -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(dir)?;
    fchown(file, Some(owner.uid()), Some(owner.gid()))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// The file's text, or `None` if there is no such file.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(MAX_LEN).read_to_end(&mut bytes)) {
        // What is not UTF-8 is not PEM either; the parser says so.
        Ok(_) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Power cuts for tests: each change of a file takes one unit, and without any it fails.
#[cfg(test)]
pub(crate) mod power {
    use std::cell::Cell;
    use std::io;

    thread_local!(static LEFT: Cell<usize> = const { Cell::new(usize::MAX) });

    /// Does something with power for so many changes; whether it was enough.
    pub(crate) fn lasts(changes: usize, work: impl FnOnce()) -> bool {
        LEFT.set(changes + 1);
        work();
        LEFT.replace(usize::MAX) > 0
    }

    pub(super) fn spend() -> io::Result<()> {
        LEFT.set(LEFT.get().saturating_sub(1));
        if LEFT.get() == 0 { Err(io::Error::other("power cut")) } else { Ok(()) }
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
        write(&path, b"first", Readable::Owner, Existing::Keep).unwrap();
        let error = write(&path, b"second", Readable::Owner, Existing::Keep).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path).unwrap().as_deref(), Some("first"));
        write(&path, b"third", Readable::Owner, Existing::Replace).unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("third"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn nobody_is_led_elsewhere_by_the_name_of_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let (elsewhere, name) = (dir.path().join("elsewhere"), dir.path().join(LOCK));
        fs::write(&elsewhere, "").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &name).unwrap();
        assert!(lock(dir.path()).is_none(), "a symbolic link");
        fs::remove_file(&name).unwrap();
        fs::hard_link(&elsewhere, &name).unwrap();
        assert!(lock(dir.path()).is_none(), "a hard link");
        fs::remove_file(&name).unwrap();
        assert!(lock(dir.path()).is_some());
    }

    #[test]
    fn a_missing_file_is_none_and_an_unreadable_one_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(&dir.path().join("none")).unwrap(), None);
        assert!(read(dir.path()).is_err(), "a directory");
    }
}
