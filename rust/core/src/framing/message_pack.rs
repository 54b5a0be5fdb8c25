//! MessagePack: everything says at its beginning how long it is.

use super::{Frame, TooLong};

/// How the headers of one type begin, by the room that the length takes.
struct Header {
    /// The first byte if the length fits into it, and the first length that does not.
    fix: (u8, usize),
    in_8_bits: Option<u8>,
    in_16_bits: u8,
    in_32_bits: u8,
}

const MAP: Header = Header { fix: (0x80, 16), in_8_bits: None, in_16_bits: 0xde, in_32_bits: 0xdf };
const ARRAY: Header =
    Header { fix: (0x90, 16), in_8_bits: None, in_16_bits: 0xdc, in_32_bits: 0xdd };
const STR: Header =
    Header { fix: (0xa0, 32), in_8_bits: Some(0xd9), in_16_bits: 0xda, in_32_bits: 0xdb };

impl Header {
    fn write(&self, out: &mut Vec<u8>, length: usize) -> Result<(), TooLong> {
        let length = u32::try_from(length).map_err(|_| TooLong)?;
        let [.., low] = length.to_be_bytes();
        if (length as usize) < self.fix.1 {
            out.push(self.fix.0 | low);
        } else if let (Some(first), Ok(length)) = (self.in_8_bits, u8::try_from(length)) {
            out.extend([first, length]);
        } else if let Ok(length) = u16::try_from(length) {
            out.push(self.in_16_bits);
            out.extend(length.to_be_bytes());
        } else {
            out.push(self.in_32_bits);
            out.extend(length.to_be_bytes());
        }
        Ok(())
    }
}

pub(super) fn text(out: &mut Vec<u8>, text: &str) -> Result<(), TooLong> {
    STR.write(out, text.len())?;
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

pub(super) fn frame(
    envelope: Option<&str>,
    updates: usize,
    removals: &[&str],
) -> Result<Frame, TooLong> {
    let mut head = Vec::new();
    if let Some(envelope) = envelope {
        MAP.write(&mut head, 1)?;
        text(&mut head, envelope)?;
    }
    MAP.write(&mut head, 2)?;
    text(&mut head, "updates")?;
    MAP.write(&mut head, updates)?;
    let mut tail = Vec::new();
    text(&mut tail, "removals")?;
    ARRAY.write(&mut tail, removals.len())?;
    for key in removals {
        text(&mut tail, key)?;
    }
    Ok(Frame { head, separator: b"", tail })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: &Header, length: usize) -> Vec<u8> {
        let mut out = Vec::new();
        kind.write(&mut out, length).unwrap();
        out
    }

    /// The expected bytes are those of the MessagePack specification.
    #[test]
    fn every_length_has_the_shortest_header() {
        for (kind, fix, sixteen, thirty_two) in [(MAP, 0x80, 0xde, 0xdf), (ARRAY, 0x90, 0xdc, 0xdd)]
        {
            assert_eq!(header(&kind, 0), [fix]);
            assert_eq!(header(&kind, 15), [fix | 15]);
            assert_eq!(header(&kind, 16), [sixteen, 0, 16]);
            assert_eq!(header(&kind, 255), [sixteen, 0, 255]);
            assert_eq!(header(&kind, 0xffff), [sixteen, 0xff, 0xff]);
            assert_eq!(header(&kind, 0x1_0000), [thirty_two, 0, 1, 0, 0]);
            assert_eq!(header(&kind, 0xffff_ffff), [thirty_two, 0xff, 0xff, 0xff, 0xff]);
        }
        assert_eq!(header(&STR, 0), [0xa0]);
        assert_eq!(header(&STR, 31), [0xbf]);
        assert_eq!(header(&STR, 32), [0xd9, 32]);
        assert_eq!(header(&STR, 255), [0xd9, 255]);
        assert_eq!(header(&STR, 256), [0xda, 1, 0]);
        assert_eq!(header(&STR, 0xffff), [0xda, 0xff, 0xff]);
        assert_eq!(header(&STR, 0x1_0000), [0xdb, 0, 1, 0, 0]);
        assert_eq!(header(&STR, 0xffff_ffff), [0xdb, 0xff, 0xff, 0xff, 0xff]);
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn what_cannot_be_counted_is_refused() {
        for kind in [MAP, ARRAY, STR] {
            let mut out = Vec::new();
            assert_eq!(kind.write(&mut out, 0x1_0000_0000), Err(TooLong));
            assert!(out.is_empty());
        }
    }
}
