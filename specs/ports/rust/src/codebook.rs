//! Codebooks (B-1 to B-13).

use crate::model::Model;
use crate::refusal::{require, Cause, Refusal};
use crate::safetensors::{Contents, FileError, Tensor};
use crate::sha256::Sha256;
use crate::trie::Trie;

/// The lists that a codebook is given by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists {
    /// The number of each node's parent (B-1).
    pub parents: Vec<u32>,
    /// The last byte of each node's string (B-1).
    pub last_bytes: Vec<u8>,
    /// 1 for each node whose string is in the codebook, else 0 (B-10).
    pub members: Option<Vec<u8>>,
    /// The cost of each id (B-11).
    pub costs: Option<Vec<u16>>,
}

/// Up to 2^16 byte strings as tokens.
#[derive(Debug, Clone)]
pub struct Codebook {
    bits: u32,
    pub(crate) trie: Trie,
    members: Option<Vec<u8>>,
    pub(crate) costs: Option<Vec<u16>>,
    /// The node of each id.
    pub(crate) nodes: Vec<u32>,
    /// The id of each node; 0 for the root, and for nodes that are no members.
    pub(crate) ids: Vec<u16>,
}

/// No string of a codebook with members or costs has more bytes (B-12).
pub(crate) const LONGEST: usize = 255;

impl Codebook {
    /// The codebook with these lists.
    ///
    /// # Errors
    /// `codebook` (B-1, B-2, B-3, B-10, B-11, B-12).
    pub fn new(lists: Lists) -> Result<Self, Refusal> {
        let Lists {
            parents,
            last_bytes,
            members,
            costs,
        } = lists;
        let check = |right, message: &str| require(right, Cause::Codebook, || message.to_string());
        let trie = Trie::new(parents, last_bytes)?;
        let count = trie.parents.len();
        if let Some(members) = &members {
            check(members.len() == count, "members must have a number for each node")?;
            check(members.iter().all(|&member| member <= 1), "members must be 0 or 1")?;
            check(
                members.contains(&0),
                "if all nodes are members, the list must be left out",
            )?;
            check(
                (0..count).all(|node| trie.lengths[node] > 1 || members[node] == 1),
                "single bytes must be members",
            )?;
            let inner = |node: usize| node + 1 < count && trie.parents[node + 1] == node as u32;
            check(
                (0..count).all(|node| members[node] == 1 || inner(node)),
                "nodes without children must be members",
            )?;
        }
        let is_member = |node: &u32| members.as_ref().is_none_or(|members| members[*node as usize] == 1);
        let nodes: Vec<u32> = (0..count as u32).filter(is_member).collect();
        let bits = nodes.len().ilog2();
        check(
            nodes.len().is_power_of_two() && (9..=16).contains(&bits),
            "a codebook must have 2^9 to 2^16 strings",
        )?;
        if let Some(costs) = &costs {
            check(costs.len() == nodes.len(), "costs must have a number for each id")?;
            check(costs[0] == 0, "the cost of id 0 must be 0")?;
        }
        if members.is_some() || costs.is_some() {
            let longest = trie.lengths.iter().all(|&length| length as usize <= LONGEST);
            check(longest, "with members or costs no string may have more than 255 bytes")?;
        }
        let mut ids = vec![0; count];
        for (id, &node) in nodes.iter().enumerate() {
            ids[node as usize] = id as u16;
        }
        Ok(Codebook {
            bits,
            trie,
            members,
            costs,
            nodes,
            ids,
        })
    }

    /// The codebook of a model (B-4).
    ///
    /// # Errors
    /// `bits`, if they are not 9 to 16.
    pub fn compile<M: Model>(model: &M, bits: u32) -> Result<Self, Refusal> {
        let (parents, last_bytes) = crate::compile::tree(model, bits)?;
        Codebook::new(Lists {
            parents,
            last_bytes,
            members: None,
            costs: None,
        })
    }

    /// Reads a codebook's file (B-9).
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn from_file(file: &[u8]) -> Result<Self, FileError> {
        let contents = Contents::read(file, "ecjax.codebook")?;
        let mut lists = Lists {
            parents: vec![],
            last_bytes: vec![],
            members: None,
            costs: None,
        };
        for (name, tensor) in &contents.tensors {
            match name.as_str() {
                "parents" if tensor.numbers.len() > 1 << 16 => lists.parents = list(name, tensor, "U32")?,
                "parents" => lists.parents = list(name, tensor, "U16")?,
                "last_bytes" => lists.last_bytes = list(name, tensor, "U8")?,
                "members" => lists.members = Some(list(name, tensor, "U8")?),
                "costs" => lists.costs = Some(list(name, tensor, "U16")?),
                _ => return Err(FileError(format!("a codebook has no tensor {name}"))),
            }
        }
        let codebook = Codebook::new(lists)?;
        let settings = contents.settings()?;
        if settings.len() != 1 || settings.get("bits") != Some(&i64::from(codebook.bits)) {
            return Err(FileError(format!(
                "the settings are {settings:?}, not bits: {}",
                codebook.bits
            )));
        }
        contents.check_fingerprint(&codebook.fingerprint())?;
        Ok(codebook)
    }

    /// b: there are 2^b strings.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The number of each node's parent (B-1).
    pub fn parents(&self) -> &[u32] {
        &self.trie.parents
    }

    /// The last byte of each node's string (B-1).
    pub fn last_bytes(&self) -> &[u8] {
        &self.trie.last_bytes
    }

    /// The ids of a text (B-5, B-13).
    pub fn encode(&self, text: &[u8]) -> Vec<u16> {
        crate::parse::ids(self, text)
    }

    /// How many bytes the string of an id has.
    pub(crate) fn length(&self, id: u16) -> usize {
        self.trie.lengths[self.nodes[usize::from(id)] as usize] as usize
    }

    /// The text of ids (B-6).
    ///
    /// # Errors
    /// `id`, if one is not below 2^b.
    pub fn decode(&self, ids: &[u32]) -> Result<Vec<u8>, Refusal> {
        if let Some(id) = ids.iter().find(|&&id| id >> self.bits != 0) {
            return Err(Refusal::new(
                Cause::Id,
                format!("the id {id} is not below 2^{}", self.bits),
            ));
        }
        let mut text = Vec::new();
        for &id in ids {
            self.trie.append(self.nodes[id as usize], &mut text);
        }
        Ok(text)
    }

    /// The fingerprint of B-8.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::default();
        let count = self.trie.parents.len();
        hash.update(format!("[\"ecjax.codebook\", {{\"bits\": {}}}]", self.bits).as_bytes());
        let mut add = |name: &str, kind: &str, size: usize, bytes: &[u8]| {
            hash.update(format!("[\"{name}\", \"{kind}\", [{size}]]").as_bytes());
            hash.update(bytes);
        };
        if let Some(costs) = &self.costs {
            add(
                "costs",
                "<u2",
                costs.len(),
                &costs.iter().flat_map(|cost| cost.to_le_bytes()).collect::<Vec<_>>(),
            );
        }
        add("last_bytes", "|u1", count, &self.trie.last_bytes);
        if let Some(members) = &self.members {
            add("members", "|u1", count, members);
        }
        let (kind, width) = if count > 1 << 16 { ("<u4", 4) } else { ("<u2", 2) };
        let parents = self
            .trie
            .parents
            .iter()
            .flat_map(|parent| parent.to_le_bytes().into_iter().take(width));
        add("parents", kind, count, &parents.collect::<Vec<_>>());
        hash.finish()
    }
}

/// The numbers of a list of this type, which has one dimension.
fn list<T: TryFrom<i64>>(name: &str, tensor: &Tensor, dtype: &str) -> Result<Vec<T>, FileError> {
    if tensor.dtype != dtype || tensor.shape.len() != 1 {
        return Err(FileError(format!(
            "{name} is {} {:?}; it must be a list of {dtype}",
            tensor.dtype, tensor.shape
        )));
    }
    let numbers: Result<_, _> = tensor.numbers.iter().map(|&number| T::try_from(number)).collect();
    numbers.map_err(|_| FileError(format!("{name} has a number outside of {dtype}")))
}
