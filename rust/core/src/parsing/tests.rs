use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use rmp_serde::to_vec;
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq};

use super::*;

/// What `rmp-serde` writes, and what is known of it.
#[derive(Clone, Debug)]
enum Value {
    Nil,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nil => out.serialize_unit(),
            Self::Bool(it) => out.serialize_bool(*it),
            Self::Signed(it) => out.serialize_i64(*it),
            Self::Unsigned(it) => out.serialize_u64(*it),
            Self::Float(it) => out.serialize_f64(*it),
            Self::Text(it) => out.serialize_str(it),
            Self::List(items) => {
                let mut list = out.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Map(entries) => {
                let mut map = out.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(key, item)| map.serialize_entry(key, item))?;
                map.end()
            }
        }
    }
}

impl Value {
    fn extent(&self) -> Extent {
        let of = |inner: Vec<Extent>| Extent {
            entries: inner.len() + inner.iter().map(|it| it.entries).sum::<usize>(),
            depth: 1 + inner.iter().map(|it| it.depth).max().unwrap_or(0),
        };
        match self {
            Self::List(items) => of(items.iter().map(Self::extent).collect()),
            Self::Map(entries) => of(entries.iter().map(|(_, item)| item.extent()).collect()),
            _ => Extent::default(),
        }
    }

    /// Reads it again, token by token.
    fn is_read_from(&self, parser: &mut Parser<'_>) -> bool {
        let token = parser.token().unwrap();
        match (self, token) {
            (Self::Nil, Token::Nil) => true,
            (Self::Bool(it), Token::Bool(read)) => *it == read,
            (Self::Signed(it), Token::Signed(read)) => *it == read,
            (Self::Signed(it), Token::Unsigned(read)) => u64::try_from(*it) == Ok(read),
            (Self::Unsigned(it), Token::Unsigned(read)) => *it == read,
            (Self::Float(it), Token::Float(read)) => it.to_bits() == read.to_bits(),
            (Self::Text(it), Token::Text(read)) => it == read,
            (Self::List(items), Token::List(count)) => {
                items.len() == count && items.iter().all(|item| item.is_read_from(parser))
            }
            (Self::Map(entries), Token::Map(count)) => {
                let mut is_read = |(key, item): &(String, Self)| {
                    parser.key() == Ok(key) && item.is_read_from(parser)
                };
                entries.len() == count && entries.iter().all(&mut is_read)
            }
            _ => false,
        }
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaves = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Signed),
        (-200_i64..200).prop_map(Value::Signed),
        any::<u64>().prop_map(Value::Unsigned),
        (0_u64..0x2_0000).prop_map(Value::Unsigned),
        any::<f64>().prop_map(Value::Float),
        ".{0,40}".prop_map(Value::Text),
    ];
    leaves.prop_recursive(5, 60, 20, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Value::List),
            btree_map(".{0,3}", inner, 0..20).prop_map(|map| Value::Map(map.into_iter().collect())),
        ]
    })
}

fn unfit(bytes: &[u8]) -> Unfit {
    Parser::new(bytes).value().unwrap_err()
}

fn nested(depth: usize) -> Vec<u8> {
    // Lists of one, the innermost empty.
    let mut bytes = vec![0x91; depth - 1];
    bytes.push(0x90);
    bytes
}

proptest! {
    #[test]
    fn what_another_library_writes_is_read(value in values(), behind in vec(any::<u8>(), 0..4)) {
        let mut bytes = to_vec(&value).unwrap();
        let size = bytes.len();
        prop_assert!(value.is_read_from(&mut Parser::new(&bytes)));
        bytes.extend(&behind);
        let mut parser = Parser::new(&bytes);
        prop_assert_eq!(parser.value(), Ok((&bytes[..size], value.extent())));
        prop_assert_eq!(parser.end(), if behind.is_empty() { Ok(()) } else { Err(Unfit::More) });
    }

    #[test]
    fn what_is_cut_off_is_refused(value in values(), at in any::<prop::sample::Index>()) {
        let bytes = to_vec(&value).unwrap();
        let cut = &bytes[..at.index(bytes.len())];
        // A text that is cut within a character is none.
        prop_assert_eq!(unfit(cut), Unfit::Cut);
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in vec(any::<u8>(), 0..80)) {
        let mut parser = Parser::new(&bytes);
        if let Ok((read, extent)) = parser.value() {
            prop_assert!(extent.depth <= DEEPEST && extent.entries < read.len());
            prop_assert!(rmp_serde::from_slice::<serde::de::IgnoredAny>(read).is_ok());
        }
    }
}

/// The expected tokens are those of the MessagePack specification.
#[test]
fn every_first_byte_is_known() {
    let token = |bytes: &[u8]| {
        let mut parser = Parser::new(bytes);
        let token = parser.token().map(|token| format!("{token:?}"));
        token.map(|token| (token, parser.end().is_ok()))
    };
    let reads = |bytes: &[u8], expected: &str| {
        assert_eq!(token(bytes), Ok((expected.into(), true)), "{bytes:x?}");
    };
    reads(&[0x00], "Unsigned(0)");
    reads(&[0x7f], "Unsigned(127)");
    reads(&[0x80], "Map(0)");
    reads(&[0x8f], "Map(15)");
    reads(&[0x90], "List(0)");
    reads(&[0x9f], "List(15)");
    reads(&[0xa0], "Text(\"\")");
    reads(&[0xa2, b'h', b'i'], "Text(\"hi\")");
    reads(&[0xc0], "Nil");
    reads(&[0xc2], "Bool(false)");
    reads(&[0xc3], "Bool(true)");
    reads(&[0xc4, 1, 9], "Bytes([9])");
    reads(&[0xc5, 0, 1, 9], "Bytes([9])");
    reads(&[0xc6, 0, 0, 0, 1, 9], "Bytes([9])");
    reads(&[0xca, 0x3f, 0xc0, 0, 0], "Float(1.5)");
    reads(&[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], "Float(1.5)");
    reads(&[0xcc, 0xff], "Unsigned(255)");
    reads(&[0xcd, 0xff, 0xff], "Unsigned(65535)");
    reads(&[0xce, 0xff, 0xff, 0xff, 0xff], "Unsigned(4294967295)");
    reads(&[0xcf, 255, 255, 255, 255, 255, 255, 255, 255], "Unsigned(18446744073709551615)");
    reads(&[0xd0, 0x80], "Signed(-128)");
    reads(&[0xd1, 0x80, 0], "Signed(-32768)");
    reads(&[0xd2, 0x80, 0, 0, 0], "Signed(-2147483648)");
    reads(&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], "Signed(-9223372036854775808)");
    reads(&[0xd9, 1, b'x'], "Text(\"x\")");
    reads(&[0xda, 0, 1, b'x'], "Text(\"x\")");
    reads(&[0xdb, 0, 0, 0, 1, b'x'], "Text(\"x\")");
    reads(&[0xdc, 1, 2], "List(258)");
    reads(&[0xdd, 0, 1, 0, 2], "List(65538)");
    reads(&[0xde, 1, 2], "Map(258)");
    reads(&[0xdf, 0, 1, 0, 2], "Map(65538)");
    reads(&[0xe0], "Signed(-32)");
    reads(&[0xff], "Signed(-1)");
    assert_eq!(token(&[0xc1]), Err(Unfit::Unknown(0xc1)));
    for first in (0xc7..=0xc9).chain(0xd4..=0xd8) {
        assert_eq!(token(&[first, 1, 1, 1, 1, 1]), Err(Unfit::Extension));
    }
}

#[test]
fn what_cannot_be_passed_on_as_it_is_is_refused() {
    assert_eq!(unfit(&[0xa1, 0xff]), Unfit::Text);
    // A lone surrogate, as some write it.
    assert_eq!(unfit(&[0xa3, 0xed, 0xa0, 0x80]), Unfit::Text);
    assert_eq!(unfit(&[0x81, 0x01, 0x01]), Unfit::Key);
    assert_eq!(unfit(&[0x81, 0xc4, 1, 9, 0x01]), Unfit::Key);
    // The second is the same text, written at greater length.
    assert_eq!(unfit(&[0x82, 0xa1, b'x', 1, 0xd9, 1, b'x', 2]), Unfit::Twice);
    assert_eq!(unfit(&[0x91, 0x82, 0xa0, 1, 0xa0, 2]), Unfit::Twice);
    assert_eq!(unfit(&nested(DEEPEST + 1)), Unfit::Deep);
    assert_eq!(
        Parser::new(&nested(DEEPEST)).value().unwrap().1,
        Extent { entries: DEEPEST - 1, depth: DEEPEST }
    );
}

#[test]
fn a_key_that_comes_twice_is_found_in_maps_of_every_size() {
    for count in [2, FEW_KEYS - 1, FEW_KEYS, FEW_KEYS + 1, 40] {
        let map = |keys: &mut dyn Iterator<Item = usize>| {
            let mut bytes = vec![0xde, 0, u8::try_from(count).unwrap()];
            keys.for_each(|key| bytes.extend(to_vec(&(key.to_string(),)).unwrap()[1..].iter()));
            bytes
        };
        // Each key is its own value, too.
        let distinct = map(&mut (0..count).flat_map(|key| [key, 0]));
        assert_eq!(Parser::new(&distinct).value().unwrap().1.entries, count);
        let twice = map(&mut (0..count - 1).chain([count / 2 - 1]).flat_map(|key| [key, 0]));
        assert_eq!(unfit(&twice), Unfit::Twice);
    }
}
