//! JSON: everything stands between delimiters.

use super::Frame;

/// A key and its colon.
pub(super) fn name(out: &mut Vec<u8>, key: &str) {
    text(out, key);
    out.push(b':');
}

pub(super) fn frame(envelope: Option<&str>, removals: &[&str]) -> Frame {
    let mut head = Vec::new();
    if let Some(envelope) = envelope {
        head.push(b'{');
        name(&mut head, envelope);
    }
    head.extend_from_slice(b"{\"updates\":{");
    let mut tail = b"},\"removals\":[".to_vec();
    for (place, key) in removals.iter().enumerate() {
        if place > 0 {
            tail.push(b',');
        }
        text(&mut tail, key);
    }
    tail.extend_from_slice(if envelope.is_some() { b"]}}" } else { b"]}" });
    Frame { head, separator: b",", tail }
}

/// A string. Bytes of characters beyond ASCII are never equal to one that has to be escaped.
fn text(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            0x08 => out.extend(b"\\b"),
            0x09 => out.extend(b"\\t"),
            0x0a => out.extend(b"\\n"),
            0x0c => out.extend(b"\\f"),
            0x0d => out.extend(b"\\r"),
            0x00..0x20 => {
                out.extend(b"\\u00");
                out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(key: &str) -> String {
        let mut out = Vec::new();
        text(&mut out, key);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_character_that_must_be_escaped_is() {
        for code in 0..0x80 {
            let key = char::from(code).to_string();
            assert_eq!(written(&key), serde_json::to_string(&key).unwrap());
        }
    }

    proptest! {
        #[test]
        fn any_string_is_written_as_a_plain_library_does(key: String) {
            prop_assert_eq!(written(&key), serde_json::to_string(&key).unwrap());
        }
    }
}
