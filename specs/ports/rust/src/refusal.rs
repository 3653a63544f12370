//! Refusals of invalid input and their causes (C-7).

use std::fmt;

macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// Why input is refused: the words of C-7.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Cause { $($(#[$doc])* $variant,)* }

        impl Cause {
            /// The word of C-7 for this cause.
            pub fn word(self) -> &'static str {
                match self { $(Cause::$variant => $word,)* }
            }
        }
    };
}

causes! {
    /// A precision that is not 9 to 16.
    Precision = "precision",
    /// Not 256 logits, or one outside of -2^30 to 2^30.
    Logits = "logits",
    /// Frequencies that are no table.
    Table = "table",
    /// A window size that is not 9 to 128; in a codebook, not 9 to 16.
    Bits = "bits",
    /// A window that is not below 2^b.
    Code = "code",
    /// A size of token ids that is not 1 to 16.
    TokenBits = "token_bits",
    /// An id that is too large.
    Id = "id",
    /// Settings that break T-1.
    Settings = "settings",
    /// Tensors that break T-2.
    Tensors = "tensors",
    /// Numbers of tensors that break T-3.
    Scale = "scale",
    /// A codebook that breaks B-1, B-2, B-3, B-10, B-11 or B-12.
    Codebook = "codebook",
    /// A file that does not begin with the magic.
    Magic = "magic",
    /// A file of an unknown version.
    Version = "version",
    /// A file that ends too early.
    Truncated = "truncated",
    /// A header with a wrong CRC-32.
    Header = "header",
    /// An unknown method.
    Method = "method",
    /// A window size or precision that the method does not have.
    Parameters = "parameters",
    /// A file that was written with another model, method or window size.
    Model = "model",
    /// Impossible numbers at the beginning of a block.
    Block = "block",
    /// A block with a wrong CRC-32.
    Checksum = "checksum",
    /// A payload that does not decode to the block's text.
    Payload = "payload",
    /// A wrong length of the text (version 1 only).
    Length = "length",
    /// A wrong CRC-32 of the text.
    Text = "text",
    /// Bytes after the last block.
    Trailing = "trailing",
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// Invalid input: the cause of C-7, and a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The cause that C-7 prescribes.
    pub cause: Cause,
    /// What was wrong, and what would be right.
    pub message: String,
}

impl Refusal {
    /// A refusal with this cause and message.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Refusal {
            cause,
            message: message.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.cause, self.message)
    }
}

impl std::error::Error for Refusal {}

/// Refuses with `cause` unless `condition` holds.
pub(crate) fn require(condition: bool, cause: Cause, message: impl FnOnce() -> String) -> Result<(), Refusal> {
    if condition {
        Ok(())
    } else {
        Err(Refusal::new(cause, message()))
    }
}
