//! The wire form of a change, put together from parts that are encoded already.
//!
//! ```text
//! {"updates": {key: value, ...}, "removals": [key, ...]}
//! ```
//!
//! Whoever encodes a value keeps it as a [*pair*](Format::pair), with its key before it. A message
//! is then a [`Frame`] with pairs in it, and making it is nothing but copying bytes.

mod json;
mod message_pack;

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// <https://msgpack.org>
    MessagePack,
    /// RFC 8259, without white space; text is UTF-8 and escaped only where it must be.
    Json,
}

/// A string or a collection has more parts than the format can count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// What stands around the pairs of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    head: Vec<u8>,
    separator: &'static [u8],
    tail: Vec<u8>,
}

impl Format {
    /// A key and its encoded value, as they stand in the map of updates.
    pub fn pair(self, key: &str, value: &[u8]) -> Result<Box<[u8]>, TooLong> {
        // Room for the key's header, or its quotes and the colon.
        let mut pair = Vec::with_capacity(key.len() + value.len() + 5);
        match self {
            Self::MessagePack => message_pack::text(&mut pair, key)?,
            Self::Json => json::name(&mut pair, key),
        }
        pair.extend_from_slice(value);
        Ok(pair.into_boxed_slice())
    }

    /// The frame for so many updates and these removals, itself the only entry of a map if there
    /// is an envelope.
    pub fn frame(
        self,
        envelope: Option<&str>,
        updates: usize,
        removals: &[&str],
    ) -> Result<Frame, TooLong> {
        match self {
            Self::MessagePack => message_pack::frame(envelope, updates, removals),
            Self::Json => Ok(json::frame(envelope, removals)),
        }
    }
}

impl Frame {
    /// How many bytes the message has, with as many pairs as the frame was made for.
    pub fn len<P: AsRef<[u8]>>(&self, pairs: &[P]) -> usize {
        let separators = self.separator.len() * pairs.len().saturating_sub(1);
        let pairs: usize = pairs.iter().map(|pair| pair.as_ref().len()).sum();
        self.head.len() + pairs + separators + self.tail.len()
    }

    /// The bytes of the message, in pieces to be copied one behind the other.
    pub fn pieces<'a, P: AsRef<[u8]>>(&'a self, pairs: &'a [P]) -> impl Iterator<Item = &'a [u8]> {
        let first = std::iter::once(&b""[..]);
        let separators = first.chain(std::iter::repeat(self.separator));
        let pairs = separators.zip(pairs).flat_map(|(separator, pair)| [separator, pair.as_ref()]);
        std::iter::once(&self.head[..]).chain(pairs).chain(std::iter::once(&self.tail[..]))
    }
}

#[cfg(test)]
mod tests;
