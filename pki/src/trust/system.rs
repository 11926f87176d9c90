//! The store of Debian and its relatives: one file a CA in a directory, and a tool that makes a
//! bundle of all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Outcome, TrustError, find_program, label, run};
use crate::certificate::Root;
use crate::files::{self, Existing, Readable};

/// Where its owner puts certificates, and what must be run afterwards.
#[derive(Clone, Debug)]
pub struct System {
    local: PathBuf,
    bundle: PathBuf,
    update: Vec<PathBuf>,
}

impl System {
    /// This machine's, if it has Debian's.
    pub fn of_this_machine() -> Option<Self> {
        Some(Self {
            local: "/usr/local/share/ca-certificates".into(),
            bundle: "/etc/ssl/certs/ca-certificates.crt".into(),
            update: vec![find_program("update-ca-certificates")?],
        })
    }

    pub(super) fn place(&self) -> &Path {
        &self.local
    }

    pub(super) fn trust(&self, root: &Root) -> Result<Outcome, TrustError> {
        let (file, pem) = (self.file(root), root.pem());
        if holds(&file, &pem) && holds(&self.bundle, &pem) {
            return Ok(Outcome::Present);
        }
        files::write(&file, pem.as_bytes(), Readable::All, Existing::Replace)
            .map_err(|source| TrustError::write(&self.local, source))?;
        self.update(&[])?;
        Ok(Outcome::Added)
    }

    pub(super) fn untrust(&self, root: &Root) -> Result<Outcome, TrustError> {
        let file = self.file(root);
        if !file.exists() && !holds(&self.bundle, &root.pem()) {
            return Ok(Outcome::Absent);
        }
        files::remove(&file).map_err(|source| TrustError::write(&self.local, source))?;
        self.update(&["--fresh"])?;
        Ok(Outcome::Removed)
    }

    fn file(&self, root: &Root) -> PathBuf {
        self.local.join(label(root)).with_extension("crt")
    }

    fn update(&self, more: &[&str]) -> Result<(), TrustError> {
        let [program, args @ ..] = &self.update[..] else { return Ok(()) };
        run(Command::new(program).args(args).args(more)).map(drop)
    }
}

fn holds(file: &Path, pem: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.contains(pem))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tempfile::TempDir;

    use super::*;
    use crate::authority::Authority;
    use crate::limits::Limits;

    /// The real tool, in a directory of its own.
    fn scratch() -> (TempDir, System) {
        let dir = tempfile::tempdir().unwrap();
        let mut update = vec![find_program("update-ca-certificates").unwrap()];
        for name in ["local", "etc", "hooks", "certs"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("conf"), "").unwrap();
        for (flag, name) in [
            ("--localcertsdir", "local"),
            ("--etccertsdir", "etc"),
            ("--hooksdir", "hooks"),
            ("--certsdir", "certs"),
            ("--certsconf", "conf"),
        ] {
            update.extend([flag.into(), dir.path().join(name)]);
        }
        let (local, bundle) =
            (dir.path().join("local"), dir.path().join("etc/ca-certificates.crt"));
        (dir, System { local, bundle, update })
    }

    fn root() -> Root {
        let dir = tempfile::tempdir().unwrap();
        Authority::init(dir.path(), &Limits::private()).unwrap().root().clone()
    }

    #[test]
    fn each_ca_comes_and_goes_by_itself() {
        let (_dir, system) = scratch();
        let (one, two) = (root(), root());
        let bundle = || fs::read_to_string(&system.bundle).unwrap();
        for root in [&one, &two] {
            assert_eq!(system.trust(root).unwrap(), Outcome::Added);
            assert_eq!(system.trust(root).unwrap(), Outcome::Present);
            assert!(bundle().contains(&root.pem()));
        }
        assert_eq!(system.untrust(&one).unwrap(), Outcome::Removed);
        assert_eq!(system.untrust(&one).unwrap(), Outcome::Absent);
        assert!(!bundle().contains(&one.pem()) && bundle().contains(&two.pem()));
    }

    #[test]
    fn what_a_failed_update_left_is_not_taken_for_trust() {
        let (_dir, system) = scratch();
        let root = root();
        let broken = System { update: vec!["false".into()], ..system.clone() };
        assert!(matches!(broken.trust(&root), Err(TrustError::Failed { .. })));
        assert_eq!(system.trust(&root).unwrap(), Outcome::Added);
    }
}
