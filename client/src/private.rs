//! Text that must not end up in a log: session descriptions and ICE candidates carry addresses and
//! passwords.

use std::fmt;
use std::ops::Deref;

/// A text whose `Debug` shows its length only, and that has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Private(String);

impl Private {
    /// The text itself.
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl From<String> for Private {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Deref for Private {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Private({} bytes)", self.0.len())
    }
}
