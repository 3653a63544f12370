//! The trie of a codebook: its checks (B-1 to B-3) and steps from node to node.

use crate::refusal::{Cause, Refusal};

/// No node: the root is nobody's child.
pub(crate) const NONE: u32 = 0;

/// A trie whose nodes are numbered in preorder.
#[derive(Debug, Clone)]
pub(crate) struct Trie {
    pub(crate) parents: Vec<u32>,
    pub(crate) last_bytes: Vec<u8>,
    /// How many bytes the string of each node has.
    pub(crate) lengths: Vec<u32>,
    /// The nodes of single bytes.
    singles: [u32; 256],
    /// The nodes of two bytes, by these.
    pairs: Vec<u32>,
    /// Keys and children of all other nodes, in a table with open addressing. A free slot has the child `NONE`.
    slots: Vec<(u32, u32)>,
    shift: u32,
}

/// A node and a byte in one number: nodes are below 2^22.
fn key(node: u32, byte: u8) -> u32 {
    node << 8 | u32::from(byte)
}

impl Trie {
    /// Checks the lists of B-1, for at most 2^22 nodes.
    pub(crate) fn new(parents: Vec<u32>, last_bytes: Vec<u8>) -> Result<Self, Refusal> {
        let refuse = |message: String| Err(Refusal::new(Cause::Codebook, message));
        let count = parents.len();
        if last_bytes.len() != count || !(512..=1 << 22).contains(&count) {
            return refuse(format!(
                "{count} parents and {} last bytes: both must be 2^9 to 2^22",
                last_bytes.len()
            ));
        }
        if (parents[0], last_bytes[0]) != (0, 0) {
            return refuse("parent and last byte of the root must be 0".into());
        }
        let mut lengths = vec![0; count];
        let mut path = vec![0u32];
        for node in 1..count {
            let mut sibling = None;
            while path.last().is_some_and(|&top| top != parents[node]) {
                sibling = path.pop();
            }
            if path.is_empty() {
                return refuse(format!("the parent of {node} is neither {} nor above it", node - 1));
            }
            if sibling.is_some_and(|sibling| last_bytes[sibling as usize] >= last_bytes[node]) {
                return refuse(format!(
                    "the last byte of {node} is not above that of the child before it"
                ));
            }
            lengths[node] = path.len() as u32;
            path.push(node as u32);
        }
        if lengths.iter().filter(|&&length| length == 1).count() != 256 {
            return refuse("the root must have 256 children".into());
        }
        let mut trie = Trie {
            parents,
            last_bytes,
            lengths,
            singles: [NONE; 256],
            pairs: vec![NONE; 1 << 16],
            slots: vec![],
            shift: 0,
        };
        trie.index();
        Ok(trie)
    }

    /// Fills what steps need.
    fn index(&mut self) {
        let digits = (2 * self.parents.len()).next_power_of_two().ilog2();
        self.slots = vec![(0, NONE); 1 << digits];
        self.shift = 32 - digits;
        for node in 1..self.parents.len() {
            let (parent, byte) = (self.parents[node], self.last_bytes[node]);
            match self.lengths[node] {
                1 => self.singles[usize::from(byte)] = node as u32,
                2 => self.pairs[usize::from(self.last_bytes[parent as usize]) << 8 | usize::from(byte)] = node as u32,
                _ => {
                    let mut place = self.place(key(parent, byte));
                    while self.slots[place].1 != NONE {
                        place = (place + 1) & (self.slots.len() - 1);
                    }
                    self.slots[place] = (key(parent, byte), node as u32);
                }
            }
        }
    }

    #[inline]
    fn place(&self, key: u32) -> usize {
        (key.wrapping_mul(0x9E37_79B1) >> self.shift) as usize
    }

    /// Calls `visit` with each node on the way from the root along the bytes of a text, as far as the trie goes.
    #[inline]
    pub(crate) fn walk(&self, text: &[u8], mut visit: impl FnMut(u32)) {
        let Some(&first) = text.first() else { return };
        visit(self.singles[usize::from(first)]);
        let Some(&second) = text.get(1) else { return };
        let mut node = self.pairs[usize::from(first) << 8 | usize::from(second)];
        let mut rest = text[2..].iter();
        while node != NONE {
            visit(node);
            let Some(&byte) = rest.next() else { return };
            node = self.child(node, byte);
        }
    }

    /// The child of a node of at least two bytes.
    #[inline]
    fn child(&self, node: u32, byte: u8) -> u32 {
        let wanted = key(node, byte);
        let mut place = self.place(wanted);
        loop {
            let (found, child) = self.slots[place];
            if child == NONE || found == wanted {
                return child;
            }
            place = (place + 1) & (self.slots.len() - 1);
        }
    }

    /// Appends the string of a node.
    #[inline]
    pub(crate) fn append(&self, node: u32, text: &mut Vec<u8>) {
        let start = text.len();
        text.resize(start + self.lengths[node as usize] as usize, 0);
        let mut node = node as usize;
        for byte in text[start..].iter_mut().rev() {
            *byte = self.last_bytes[node];
            node = self.parents[node] as usize;
        }
    }
}
