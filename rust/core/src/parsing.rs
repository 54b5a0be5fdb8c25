//! MessagePack, read piece by piece: what a client sent, without making anything of it.
//!
//! Only what every client can be sent in turn is taken as it is. A [`Parser`] refuses the rest:
//! extensions, keys of maps that are no text or that come twice, and what is nested too deeply.

use std::collections::HashSet;
use std::fmt;

use smallvec::SmallVec;

/// As many lists and maps may be in each other: whoever walks through them may use the stack.
pub const DEEPEST: usize = 64;

/// Up to so many keys of one map are compared with each other; more are looked up.
const FEW_KEYS: usize = 16;

/// One piece: a value, or the beginning of a list or map with so many entries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'a> {
    /// Nothing.
    Nil,
    /// True or false.
    Bool(bool),
    /// A whole number that is below zero, or written as if it might be.
    Signed(i64),
    /// Any other whole number.
    Unsigned(u64),
    /// A number in 32 or 64 bits.
    Float(f64),
    /// Text, in UTF-8.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// So many values follow.
    List(usize),
    /// So many keys follow, each with its value.
    Map(usize),
}

/// What a value consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The entries of all its lists and maps.
    pub entries: usize,
    /// How many lists and maps are in each other.
    pub depth: usize,
}

/// Why something is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It ends too early.
    Cut,
    /// A first byte that means nothing.
    Unknown(u8),
    /// Text that is not UTF-8.
    Text,
    /// A type of somebody's own, or a time.
    Extension,
    /// A key of a map that is no text.
    Key,
    /// A key that a map has already.
    Twice,
    /// There are more lists and maps in each other than [`DEEPEST`].
    Deep,
    /// Something follows.
    More,
}

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => formatter.write_str("it ends too early"),
            Self::Unknown(first) => write!(formatter, "nothing begins with the byte {first:#04x}"),
            Self::Text => formatter.write_str("a text is not UTF-8"),
            Self::Extension => formatter.write_str("it has an extension"),
            Self::Key => formatter.write_str("a key of a map is no text"),
            Self::Twice => formatter.write_str("a map has a key twice"),
            Self::Deep => {
                write!(formatter, "more than {DEEPEST} lists and maps are in each other")
            }
            Self::More => formatter.write_str("something follows"),
        }
    }
}

/// What is left to be read.
#[derive(Clone, Debug)]
pub struct Parser<'a> {
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    /// A parser of these bytes.
    pub fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    /// The next piece.
    pub fn token(&mut self) -> Result<Token<'a>, Unfit> {
        let [first] = self.array()?;
        Ok(match first {
            0x00..=0x7f => Token::Unsigned(first.into()),
            0x80..=0x8f => Token::Map((first & 0x0f).into()),
            0x90..=0x9f => Token::List((first & 0x0f).into()),
            0xa0..=0xbf => self.text((first & 0x1f).into())?,
            0xc0 => Token::Nil,
            0xc2 => Token::Bool(false),
            0xc3 => Token::Bool(true),
            0xc4..=0xc6 => {
                let length = self.length(first - 0xc4)?;
                Token::Bytes(self.bytes(length)?)
            }
            0xc7..=0xc9 | 0xd4..=0xd8 => return Err(Unfit::Extension),
            0xca => Token::Float(f32::from_be_bytes(self.array()?).into()),
            0xcb => Token::Float(f64::from_be_bytes(self.array()?)),
            0xcc => Token::Unsigned(u8::from_be_bytes(self.array()?).into()),
            0xcd => Token::Unsigned(u16::from_be_bytes(self.array()?).into()),
            0xce => Token::Unsigned(u32::from_be_bytes(self.array()?).into()),
            0xcf => Token::Unsigned(u64::from_be_bytes(self.array()?)),
            0xd0 => Token::Signed(i8::from_be_bytes(self.array()?).into()),
            0xd1 => Token::Signed(i16::from_be_bytes(self.array()?).into()),
            0xd2 => Token::Signed(i32::from_be_bytes(self.array()?).into()),
            0xd3 => Token::Signed(i64::from_be_bytes(self.array()?)),
            0xd9..=0xdb => {
                let length = self.length(first - 0xd9)?;
                self.text(length)?
            }
            0xdc | 0xdd => Token::List(self.length(first - 0xdc + 1)?),
            0xde | 0xdf => Token::Map(self.length(first - 0xde + 1)?),
            0xc1 => return Err(Unfit::Unknown(first)),
            0xe0..=0xff => Token::Signed(first.cast_signed().into()),
        })
    }

    /// The next piece, as a key of a map.
    pub fn key(&mut self) -> Result<&'a str, Unfit> {
        match self.token()? {
            Token::Text(key) => Ok(key),
            _ => Err(Unfit::Key),
        }
    }

    /// One whole value: its bytes, and what is in it.
    pub fn value(&mut self) -> Result<(&'a [u8], Extent), Unfit> {
        let (before, mut extent) = (self.rest, Extent::default());
        self.skip(1, &mut extent)?;
        Ok((&before[..before.len() - self.rest.len()], extent))
    }

    /// Says whether this is all.
    pub fn end(&self) -> Result<(), Unfit> {
        if self.rest.is_empty() { Ok(()) } else { Err(Unfit::More) }
    }

    fn skip(&mut self, depth: usize, extent: &mut Extent) -> Result<(), Unfit> {
        match self.token()? {
            Token::List(count) => {
                extent.add(depth, count)?;
                (0..count).try_for_each(|_| self.skip(depth + 1, extent))
            }
            Token::Map(count) => {
                extent.add(depth, count)?;
                self.skip_map(count, depth, extent)
            }
            _ => Ok(()),
        }
    }

    fn skip_map(&mut self, count: usize, depth: usize, extent: &mut Extent) -> Result<(), Unfit> {
        let mut few = SmallVec::<[&str; FEW_KEYS]>::new();
        let mut many = HashSet::new();
        for _ in 0..count {
            let key = self.key()?;
            let is_new = if count <= FEW_KEYS {
                let is_new = !few.contains(&key);
                few.push(key);
                is_new
            } else {
                many.insert(key)
            };
            if !is_new {
                return Err(Unfit::Twice);
            }
            self.skip(depth + 1, extent)?;
        }
        Ok(())
    }

    fn text(&mut self, length: usize) -> Result<Token<'a>, Unfit> {
        let text = std::str::from_utf8(self.bytes(length)?).map_err(|_| Unfit::Text)?;
        Ok(Token::Text(text))
    }

    /// A length in 8, 16 or 32 bits.
    fn length(&mut self, power: u8) -> Result<usize, Unfit> {
        Ok(match power {
            0 => u8::from_be_bytes(self.array()?).into(),
            1 => u16::from_be_bytes(self.array()?).into(),
            _ => usize::try_from(u32::from_be_bytes(self.array()?)).map_err(|_| Unfit::Cut)?,
        })
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Unfit> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Unfit::Cut)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unfit> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Unfit::Cut)?;
        self.rest = rest;
        Ok(*array)
    }
}

impl Extent {
    fn add(&mut self, depth: usize, entries: usize) -> Result<(), Unfit> {
        if depth > DEEPEST {
            return Err(Unfit::Deep);
        }
        self.depth = self.depth.max(depth);
        self.entries += entries;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
