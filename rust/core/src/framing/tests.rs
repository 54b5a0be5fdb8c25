use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Message {
    updates: BTreeMap<String, u8>,
    removals: Vec<String>,
}

fn written(format: Format, envelope: Option<&str>, message: &Message) -> Vec<u8> {
    // The smallest numbers are one byte in MessagePack, and digits in JSON.
    let value = |number: u8| match format {
        Format::MessagePack => vec![number],
        Format::Json => number.to_string().into_bytes(),
    };
    let pairs: Vec<_> = message
        .updates
        .iter()
        .map(|(key, number)| format.pair(key, &value(*number)).unwrap())
        .collect();
    let removals: Vec<_> = message.removals.iter().map(String::as_str).collect();
    let frame = format.frame(envelope, pairs.len(), &removals).unwrap();
    let bytes = frame.pieces(&pairs).flatten().copied().collect::<Vec<_>>();
    assert_eq!(bytes.len(), frame.len(&pairs));
    bytes
}

fn read<T: for<'de> Deserialize<'de>>(format: Format, bytes: &[u8]) -> T {
    match format {
        Format::MessagePack => rmp_serde::from_slice(bytes).unwrap(),
        Format::Json => serde_json::from_slice(bytes).unwrap(),
    }
}

fn comes_back(message: &Message) {
    for format in [Format::MessagePack, Format::Json] {
        assert_eq!(read::<Message>(format, &written(format, None, message)), *message);
        let enclosed: BTreeMap<String, Message> =
            read(format, &written(format, Some("state"), message));
        assert_eq!(enclosed.into_iter().collect::<Vec<_>>(), [("state".into(), clone(message))]);
    }
}

fn clone(Message { updates, removals }: &Message) -> Message {
    Message { updates: updates.clone(), removals: removals.clone() }
}

fn numbered(prefix: &str, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |number| format!("{prefix}{number}"))
}

#[test]
fn messages_of_every_size_of_map_and_array_come_back() {
    for count in [0, 1, 15, 16, 17, 255, 256, 0xffff, 0x1_0000] {
        comes_back(&Message {
            updates: numbered("u", count).map(|key| (key, 1)).collect(),
            removals: numbered("r", count).collect(),
        });
    }
}

#[test]
fn keys_of_every_size_come_back() {
    for length in [0, 1, 31, 32, 255, 256, 0xffff, 0x1_0000] {
        let key = "k".repeat(length);
        comes_back(&Message { updates: [(key.clone(), 2)].into(), removals: vec![key] });
    }
}

#[test]
fn the_bytes_are_those_that_everybody_writes() {
    let message = Message { updates: [("a".into(), 1), ("b".into(), 2)].into(), removals: vec![] };
    assert_eq!(
        written(Format::Json, None, &message),
        br#"{"updates":{"a":1,"b":2},"removals":[]}"#
    );
    assert_eq!(
        written(Format::MessagePack, Some("state"), &message),
        b"\x81\xa5state\x82\xa7updates\x82\xa1a\x01\xa1b\x02\xa8removals\x90"
    );
}

proptest! {
    #[test]
    fn any_message_comes_back(
        updates: BTreeMap<String, u8>,
        removals in proptest::collection::vec(any::<String>(), 0..20),
    ) {
        let updates = updates.into_iter().map(|(key, number)| (key, number & 0x7f)).collect();
        comes_back(&Message { updates, removals });
    }
}
