//! Free-form JSON that is passed on as it came: whether those who hear it can read it.
//!
//! A raw value is only known to look like JSON. A number that no float holds, half a surrogate or
//! hundreds of brackets get that far, and then end every stock client that hears of them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// How deep arrays and objects may be nested; stock clients give up at 128, envelope included.
const MAX_DEPTH: usize = 64;

/// Refuses what a reader could stumble over.
pub(super) fn check(raw: &RawValue) -> Result<(), serde_json::Error> {
    Free { depth_left: MAX_DEPTH }.deserialize(&mut serde_json::Deserializer::from_str(raw.get()))
}

/// Reads a value and keeps nothing of it.
#[derive(Clone, Copy)]
struct Free {
    depth_left: usize,
}

impl Free {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left }),
            None => Err(E::custom(format_args!("nested deeper than {MAX_DEPTH}"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Free {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Free {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while values.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while fields.next_key_seed(inside)?.is_some() {
            fields.next_value_seed(inside)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn passes(text: &str) -> bool {
        check(serde_json::from_str(text).unwrap()).is_ok()
    }

    #[test]
    fn what_any_reader_reads_passes() {
        for text in ["null", "true", "-7", "1e300", r#""\ud83d\udeaa""#, r#"[{"a":[1,{}]},[]]"#] {
            assert!(passes(text), "{text}");
        }
        assert!(passes(&("[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH))));
    }

    #[test]
    fn what_only_looks_like_json_does_not() {
        for text in ["1e999", r#""\ud83d""#, r#"{"a":[1e999]}"#, r#"{"\udeaa":1}"#] {
            assert!(!passes(text), "{text}");
        }
        for depth in [MAX_DEPTH + 1, 30_000] {
            assert!(!passes(&("[".repeat(depth) + &"]".repeat(depth))), "{depth}");
        }
    }
}
