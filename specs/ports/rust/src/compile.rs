//! The tree of a model's windows as the lists of a codebook (B-4).

use std::rc::Rc;

use crate::model::Model;
use crate::refusal::{require, Cause, Refusal};
use crate::windows::{last_point, Shares};

/// A node whose number is not known yet.
struct Pending<S> {
    parent: u32,
    byte: u8,
    /// The points below it.
    below: u128,
    /// The model's state after the parent's string; of nodes without children none is needed.
    state: Option<Rc<S>>,
}

/// Parents and last bytes of all nodes, in preorder. The last child takes its parent's state over, and no copy is
/// left of it. So a tree that is deep but not wide needs little memory.
pub(crate) fn tree<M: Model>(model: &M, bits: u32) -> Result<(Vec<u32>, Vec<u8>), Refusal> {
    require((9..=16).contains(&bits), Cause::Bits, || {
        format!("a codebook has {bits} bits; it must have 9 to 16")
    })?;
    let (mut parents, mut last_bytes) = (vec![0], vec![0]);
    let mut stack = Vec::new();
    expand(model, model.start(), 0, last_point(bits), &mut stack);
    while let Some(Pending {
        parent,
        byte,
        below,
        state,
    }) = stack.pop()
    {
        let number = parents.len() as u32;
        parents.push(parent);
        last_bytes.push(byte);
        if let Some(state) = state {
            let mut state = Rc::unwrap_or_clone(state);
            model.push(&mut state, byte);
            expand(model, state, number, below, &mut stack);
        }
    }
    Ok((parents, last_bytes))
}

/// Puts the children of a node on the stack, the first one on top.
fn expand<M: Model>(model: &M, mut state: M::State, node: u32, below: u128, stack: &mut Vec<Pending<M::State>>) {
    let children: Vec<(u8, u128)> = {
        let shares = Shares::new(model.table(&mut state), below, node == 0);
        (0..=255)
            .map(|byte| (byte, shares.child(byte).1))
            .filter(|&(_, points)| points > 0)
            .collect()
    };
    let state = Rc::new(state);
    for (byte, points) in children.into_iter().rev() {
        let state = (points > 1).then(|| Rc::clone(&state));
        stack.push(Pending {
            parent: node,
            byte,
            below: points - 1,
            state,
        });
    }
}
