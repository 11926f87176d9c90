//! The stores of browsers, which are databases of Mozilla's NSS: Chromium has one a user, Firefox
//! one a profile; those in a snap or a Flatpak have theirs.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Outcome, TrustError, find_program, label, run};
use crate::certificate::Root;

/// Chromium's places under a home directory; `*` is any name.
const CHROMIUM: [&str; 5] = [
    ".pki/nssdb",
    ".local/share/pki/nssdb",
    "snap/*/current/.pki/nssdb",
    ".var/app/*/.pki/nssdb",
    ".var/app/*/data/pki/nssdb",
];

/// Firefox' profiles.
const FIREFOX: [&str; 5] = [
    ".mozilla/firefox/*",
    ".config/mozilla/firefox/*",
    "snap/firefox/common/.mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/config/mozilla/firefox/*",
];

/// Programs that use Chromium's store.
const CHROMIUMS: [&str; 8] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "brave-browser",
    "microsoft-edge",
    "vivaldi",
    "opera",
];

/// One database.
#[derive(Clone, Debug)]
pub struct Nss {
    dir: PathBuf,
}

/// Chromium's. Where one is installed that was never started, its store is yet to be made.
pub(super) fn chromium(home: &Path) -> Vec<Nss> {
    let mut found = databases(home, &CHROMIUM);
    let is_installed = || CHROMIUMS.into_iter().any(|name| find_program(name).is_some());
    let usual = home.join(CHROMIUM[0]);
    let newer = home.join(CHROMIUM[1]);
    let is_new = |dir: &PathBuf| !found.iter().any(|nss: &Nss| nss.dir == *dir);
    if is_new(&usual) && is_new(&newer) && is_installed() {
        found.push(Nss { dir: usual });
    }
    found
}

/// Those of Firefox' profiles.
pub(super) fn firefox(home: &Path) -> Vec<Nss> {
    databases(home, &FIREFOX)
}

fn databases(home: &Path, patterns: &[&str]) -> Vec<Nss> {
    let mut dirs: Vec<PathBuf> = patterns
        .iter()
        .flat_map(|pattern| matches(home, pattern))
        .filter(|dir| dir.join("cert9.db").is_file())
        .collect();
    dirs.sort();
    dirs.into_iter().map(|dir| Nss { dir }).collect()
}

/// The directories under a base that a pattern names.
fn matches(base: &Path, pattern: &str) -> Vec<PathBuf> {
    let step = |bases: Vec<PathBuf>, name: &str| match name {
        "*" => bases.iter().flat_map(|base| subdirectories(base)).collect(),
        name => bases.into_iter().map(|base| base.join(name)).collect(),
    };
    pattern.split('/').fold(vec![base.to_owned()], step)
}

fn subdirectories(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

impl Nss {
    pub(super) fn place(&self) -> &Path {
        &self.dir
    }

    pub(super) fn trust(&self, root: &Root) -> Result<Outcome, TrustError> {
        self.make_if_missing()?;
        if self.find(root)?.is_some_and(|entry| entry.is_trusted) {
            return Ok(Outcome::Present);
        }
        let file = temporary(root.pem().as_bytes())?;
        let name = label(root);
        self.certutil(&["-A", "-t", "C,,", "-n", &name, "-i"], Some(file.path())).inspect_err(
            // Without the password the certificate is taken, but not trusted.
            |_| drop(self.certutil(&["-D", "-n", &name], None)),
        )?;
        Ok(Outcome::Added)
    }

    pub(super) fn untrust(&self, root: &Root) -> Result<Outcome, TrustError> {
        if !self.dir.join("cert9.db").is_file() {
            return Ok(Outcome::Absent);
        }
        let Some(entry) = self.find(root)? else { return Ok(Outcome::Absent) };
        self.certutil(&["-D", "-n", &entry.name], None)?;
        Ok(Outcome::Removed)
    }

    fn make_if_missing(&self) -> Result<(), TrustError> {
        if self.dir.join("cert9.db").is_file() {
            return Ok(());
        }
        find_certutil()?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .map_err(|source| TrustError::Write { path: self.dir.clone(), source })?;
        self.certutil(&["-N", "--empty-password"], None).map(drop)
    }

    /// The CA's certificate, under whatever name it was imported.
    fn find(&self, root: &Root) -> Result<Option<Entry>, TrustError> {
        let entries = entries(&self.certutil(&["-L"], None)?);
        let is_it = |entry: &Entry| {
            let pem = self.certutil(&["-L", "-a", "-n", &entry.name], None).unwrap_or_default();
            pem::parse(pem).is_ok_and(|pem| pem.contents() == root.der())
        };
        Ok(entries.into_iter().find(is_it))
    }

    fn certutil(&self, args: &[&str], last: Option<&Path>) -> Result<String, TrustError> {
        // Without a password file it would ask, and wait.
        let no_password = temporary(b"\n")?;
        let mut database = std::ffi::OsString::from("sql:");
        database.push(&self.dir);
        let mut command = Command::new(find_certutil()?);
        command.args(args).args(last).arg("-d").arg(database).arg("-f").arg(no_password.path());
        run(&mut command).map_err(|error| match error {
            TrustError::Failed { words, .. } if words.contains("SEC_ERROR_BAD_PASSWORD") => {
                TrustError::Password
            }
            error => error,
        })
    }
}

/// A line of certutil's list.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    /// For servers.
    is_trusted: bool,
}

/// Lines end with three comma-separated sets of letters; the first is about servers.
fn entries(list: &str) -> Vec<Entry> {
    let parse = |line: &str| {
        let (name, trust) = line.trim_end().rsplit_once(' ')?;
        let mut flags = trust.split(',');
        let servers = flags.next()?;
        let are_flags = |flags: &str| flags.bytes().all(|byte| byte.is_ascii_alphabetic());
        let is_entry = flags.clone().count() == 2 && flags.all(are_flags) && are_flags(servers);
        let name = name.trim_end().to_owned();
        is_entry.then(|| Entry { name, is_trusted: servers.contains('C') })
    };
    list.lines().filter_map(parse).collect()
}

fn find_certutil() -> Result<PathBuf, TrustError> {
    find_program("certutil").ok_or(TrustError::NoCertutil)
}

fn temporary(content: &[u8]) -> Result<tempfile::NamedTempFile, TrustError> {
    let write = || -> io::Result<_> {
        let mut file = tempfile::NamedTempFile::new()?;
        io::Write::write_all(&mut file, content)?;
        Ok(file)
    };
    write().map_err(|source| TrustError::Write { path: std::env::temp_dir(), source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tempfile::TempDir;

    use super::*;
    use crate::authority::Authority;
    use crate::limits::Limits;

    fn root() -> Root {
        let dir = tempfile::tempdir().unwrap();
        Authority::init(dir.path(), &Limits::private()).unwrap().root().clone()
    }

    fn database() -> (TempDir, Nss) {
        let dir = tempfile::tempdir().unwrap();
        let nss = Nss { dir: dir.path().join(".pki/nssdb") };
        (dir, nss)
    }

    #[test]
    fn each_ca_comes_and_goes_by_itself() {
        let (_home, nss) = database();
        let (one, two) = (root(), root());
        assert_eq!(nss.untrust(&one).unwrap(), Outcome::Absent);
        for root in [&one, &two] {
            assert_eq!(nss.trust(root).unwrap(), Outcome::Added);
            assert_eq!(nss.trust(root).unwrap(), Outcome::Present);
        }
        assert_eq!(nss.untrust(&one).unwrap(), Outcome::Removed);
        assert_eq!(nss.untrust(&one).unwrap(), Outcome::Absent);
        assert!(nss.find(&two).unwrap().unwrap().is_trusted);
    }

    #[test]
    fn what_was_imported_by_hand_is_recognised() {
        let (_home, nss) = database();
        let root = root();
        nss.make_if_missing().unwrap();
        let file = temporary(root.pem().as_bytes()).unwrap();
        nss.certutil(&["-A", "-t", ",,", "-n", "My own CA", "-i"], Some(file.path())).unwrap();
        assert!(!nss.find(&root).unwrap().unwrap().is_trusted);
        assert_eq!(nss.trust(&root).unwrap(), Outcome::Added);
        assert_eq!(nss.trust(&root).unwrap(), Outcome::Present);
        assert_eq!(nss.untrust(&root).unwrap(), Outcome::Removed);
    }

    #[test]
    fn a_database_with_a_password_is_left_as_it_was() {
        let (_home, nss) = database();
        fs::create_dir_all(&nss.dir).unwrap();
        let password = temporary(b"secret\n").unwrap();
        let database = format!("sql:{}", nss.dir.display());
        let made = Command::new("certutil")
            .args(["-N", "-d", &database, "-f"])
            .arg(password.path())
            .status();
        assert!(made.unwrap().success());
        let root = root();
        assert!(matches!(nss.trust(&root), Err(TrustError::Password)));
        assert_eq!(nss.find(&root).unwrap(), None);
    }

    #[test]
    fn every_profile_is_found_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let profiles = [
            ".mozilla/firefox/a.default",
            ".config/mozilla/firefox/e.default",
            "snap/firefox/common/.mozilla/firefox/b.default",
            ".var/app/org.mozilla.firefox/.mozilla/firefox/c.default",
        ];
        for profile in profiles {
            let dir = home.path().join(profile);
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("cert9.db"), "").unwrap();
        }
        fs::create_dir_all(home.path().join(".mozilla/firefox/Crash Reports")).unwrap();
        let mut expected = profiles.map(|profile| home.path().join(profile));
        expected.sort();
        let found: Vec<_> = firefox(home.path()).into_iter().map(|nss| nss.dir).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_list_is_read_by_its_last_column() {
        let list = "\nCertificate Nickname         Trust Attributes\n\
                    \u{20}                            SSL,S/MIME,JAR/XPI\n\n\
                    My own CA                    C,,  \n\
                    a client of 1,2,3            u,u,u\n";
        let entry = |name: &str, is_trusted| Entry { name: name.to_owned(), is_trusted };
        assert_eq!(entries(list), [entry("My own CA", true), entry("a client of 1,2,3", false)]);
    }
}
