//! Netlink messages as bytes (netlink(7)): a header, a fixed part, nested attributes.

/// A message being written.
#[derive(Debug, Clone)]
pub(super) struct Message {
    bytes: Vec<u8>,
    nests: Vec<usize>,
}

const REQUEST: u16 = libc::NLM_F_REQUEST as u16;
const ANSWER: u16 = libc::NLM_F_ACK as u16;
/// Attribute type bit of one that holds others; nf_tables wants it.
pub(super) const NESTED: u16 = 0x8000;

impl Message {
    /// Begins one; `fixed` is what stands before the attributes.
    pub(super) fn new(kind: u16, flags: u16, fixed: &[u8]) -> Message {
        let mut bytes = vec![0; 16];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(flags | REQUEST).to_ne_bytes());
        let mut message = Message {
            bytes,
            nests: Vec::new(),
        };
        message.raw(fixed);
        message
    }

    fn raw(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// Adds bytes inside a nest that begins with a fixed part of its own.
    pub(super) fn fixed(mut self, data: &[u8]) -> Message {
        self.raw(data);
        self
    }

    /// Adds an attribute.
    pub(super) fn bytes(mut self, kind: u16, data: &[u8]) -> Message {
        let length = 4 + data.len() as u16;
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.raw(data);
        self
    }

    /// Adds a number in the host's order (rtnetlink).
    pub(super) fn number(self, kind: u16, value: u32) -> Message {
        self.bytes(kind, &value.to_ne_bytes())
    }

    /// Adds a number in network order (nf_tables).
    pub(super) fn big(self, kind: u16, value: u32) -> Message {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// Adds a text with its zero byte.
    pub(super) fn text(self, kind: u16, value: &str) -> Message {
        self.bytes(kind, &[value.as_bytes(), &[0]].concat())
    }

    /// Adds an attribute that holds those which `inside` adds.
    pub(super) fn nest(mut self, kind: u16, inside: impl FnOnce(Message) -> Message) -> Message {
        self.nests.push(self.bytes.len());
        let mut message = inside(self.bytes(kind, &[]));
        let at = message.nests.pop().expect("pushed above");
        let length = (message.bytes.len() - at) as u16;
        message.bytes[at..at + 2].copy_from_slice(&length.to_ne_bytes());
        message
    }

    /// What stands behind the header and the fixed part (which must be empty).
    pub(super) fn attributes(&self) -> &[u8] {
        &self.bytes[16..]
    }

    fn finish(mut self, sequence: u32, answer: bool) -> Vec<u8> {
        let length = self.bytes.len() as u32;
        self.bytes[0..4].copy_from_slice(&length.to_ne_bytes());
        if answer {
            self.bytes[6] |= ANSWER as u8;
        }
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.bytes
    }
}

/// Returns the bytes of messages that all ask for an answer; the first has sequence number 1.
pub(super) fn batch(messages: Vec<Message>) -> Vec<u8> {
    let numbered = messages.into_iter().zip(1..);
    numbered.flat_map(|(m, n)| m.finish(n, true)).collect()
}

/// As [`batch`], as one transaction of nf_tables.
pub(super) fn transaction(messages: Vec<Message>) -> Vec<u8> {
    const BEGIN: u16 = 16; // NFNL_MSG_BATCH_BEGIN
    const END: u16 = 17;
    // family, version, and the subsystem in network order
    let border = |kind| Message::new(kind, 0, &[0, 0, 0, 10]).finish(0, false);
    [border(BEGIN), batch(messages), border(END)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_nests_know_their_length() {
        let message = Message::new(16, 0, &[1, 2, 3, 4])
            .text(3, "lo")
            .nest(18, |m| m.number(1, 7).nest(2, |m| m.bytes(1, &[9])));
        let bytes = batch(vec![message]);
        #[rustfmt::skip]
        let want = [
            52, 0, 0, 0, 16, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, // header: request and answer, number 1
            1, 2, 3, 4,
            7, 0, 3, 0, b'l', b'o', 0, 0,
            24, 0, 18, 0, 8, 0, 1, 0, 7, 0, 0, 0, 12, 0, 2, 0, 5, 0, 1, 0, 9, 0, 0, 0,
        ];
        assert_eq!(bytes, want);
    }

    #[test]
    fn a_transaction_has_borders_without_answers() {
        let bytes = transaction(vec![Message::new(2560, 0, &[1, 0, 0, 0])]);
        assert_eq!(bytes.len(), 60);
        assert_eq!((bytes[4], bytes[6]), (16, 1));
        assert_eq!((bytes[44], bytes[46]), (17, 1));
    }
}
