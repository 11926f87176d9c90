//! A peer's meta: JSON on the wire, a `GstStructure` at the elements.
//!
//! What comes from the wire is a stranger's, so nothing in it may bring the process down: upstream's
//! own conversion does not survive a NUL in a text.

use gst::glib;
use gst::prelude::*;
use serde_json::{Map, Value};

/// How deep a meta may be nested; what is deeper is left out.
const MAX_DEPTH: usize = 8;

/// JSON of what an application set. `None` if there is nothing that JSON can say.
pub(crate) fn to_json(meta: &gst::StructureRef) -> Option<Value> {
    gstrswebrtc::utils::gvalue_to_json(&meta.to_owned().to_value())
}

/// A structure named `meta` with the fields of a JSON object; `None` for anything else.
pub(crate) fn from_json(meta: &Value) -> Option<gst::Structure> {
    meta.as_object().map(|fields| structure(fields, MAX_DEPTH))
}

/// The meta with this `name` in it, whatever else it says.
pub(crate) fn named(meta: Option<Value>, name: Option<&str>) -> Option<Value> {
    let Some(name) = name else { return meta };
    let mut fields = match meta {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    fields.insert("name".into(), name.into());
    Some(Value::Object(fields))
}

fn structure(fields: &Map<String, Value>, depth: usize) -> gst::Structure {
    let mut structure = gst::Structure::new_empty("meta");
    for (name, value) in fields {
        if !is_clean(name) || name.is_empty() {
            continue;
        }
        if let Some(value) = gvalue(value, depth) {
            structure.set_value(name.as_str(), value);
        }
    }
    structure
}

fn gvalue(value: &Value, depth: usize) -> Option<glib::SendValue> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::Null => None,
        Value::Bool(flag) => Some(flag.to_send_value()),
        Value::Number(number) => number
            .as_i64()
            .map(|n| n.to_send_value())
            .or_else(|| number.as_u64().map(|n| n.to_send_value()))
            .or_else(|| number.as_f64().map(|n| n.to_send_value())),
        Value::String(text) => is_clean(text).then(|| text.as_str().to_send_value()),
        Value::Array(items) => {
            let items = items.iter().filter_map(|item| gvalue(item, depth));
            Some(gst::Array::from_values(items).to_send_value())
        }
        Value::Object(fields) => Some(structure(fields, depth).to_send_value()),
    }
}

fn is_clean(text: &str) -> bool {
    !text.contains('\0')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_meta_survives_both_ways() {
        gst::init().unwrap();
        let meta =
            json!({"name": "door", "ptz": true, "n": 3, "tags": ["a", "b"], "in": {"x": 1.5}});
        let structure = from_json(&meta).unwrap();
        assert_eq!(structure.get::<&str>("name").unwrap(), "door");
        assert_eq!(to_json(&structure).unwrap(), meta);
    }

    #[test]
    fn a_name_is_put_into_whatever_there_is() {
        assert_eq!(named(None, None), None);
        assert_eq!(named(None, Some("door")), Some(json!({"name": "door"})));
        let meta = json!({"name": "x", "ptz": true});
        assert_eq!(named(Some(meta), Some("door")), Some(json!({"name": "door", "ptz": true})));
    }

    #[test]
    fn a_hostile_meta_is_harmless() {
        gst::init().unwrap();
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        let meta =
            json!({"a\0b": 1, "": 2, "nul": "a\0b", "deep": deep, "big": u64::MAX, "ok": "y"});
        let structure = from_json(&meta).unwrap();
        assert_eq!(structure.get::<&str>("ok").unwrap(), "y");
        assert!(!structure.has_field("nul"));
        assert!(from_json(&json!("text")).is_none());
    }
}
