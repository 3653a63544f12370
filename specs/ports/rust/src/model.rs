//! Byte models: what gives a table for the next byte (C-6).

use crate::frequencies::{check_precision, Table};
use crate::refusal::{require, Cause, Refusal};

/// A byte model: for every sequence of bytes the table of the byte that comes next.
///
/// The same bytes must give the same table, always and everywhere.
pub trait Model {
    /// What the model keeps about the bytes before.
    type State: Clone;

    /// The precision F of all tables.
    fn precision(&self) -> u32;

    /// The state before any byte.
    fn start(&self) -> Self::State;

    /// Makes `state` the state before any byte.
    fn restart(&self, state: &mut Self::State) {
        *state = self.start();
    }

    /// Appends a byte to those before.
    fn push(&self, state: &mut Self::State, byte: u8);

    /// The table of the byte after those that were pushed.
    fn table<'a>(&'a self, state: &'a mut Self::State) -> &'a Table;

    /// Calls `visit` with the table of each byte of `text` and the byte, from the first to the last.
    fn visit(&self, text: &[u8], mut visit: impl FnMut(&Table, u8))
    where
        Self: Sized,
    {
        let mut state = self.start();
        for &byte in text {
            visit(self.table(&mut state), byte);
            self.push(&mut state, byte);
        }
    }
}

/// A model that looks only at the byte before.
#[derive(Debug, Clone)]
pub struct TableModel {
    precision: u32,
    rows: Vec<Table>,
    next: Vec<usize>,
}

/// The place in `next` of the row for the first byte of all.
const NONE_BEFORE: usize = 256;

impl TableModel {
    /// A model with these tables, each as its 256 frequencies. `next` has 257 row numbers: for the byte before,
    /// 0 to 255, and for none.
    ///
    /// # Errors
    /// `precision` or `table` (F-1); `table` too if `next` is not 257 numbers of rows.
    pub fn new(precision: u32, rows: &[Vec<i64>], next: Vec<usize>) -> Result<Self, Refusal> {
        check_precision(precision)?;
        let rows = rows
            .iter()
            .map(|row| Table::from_frequencies(row, precision))
            .collect::<Result<Vec<_>, _>>()?;
        require(
            next.len() == 257 && next.iter().all(|&row| row < rows.len()),
            Cause::Table,
            || format!("next must be 257 numbers below {}, the number of rows", rows.len()),
        )?;
        Ok(TableModel { precision, rows, next })
    }
}

impl Model for TableModel {
    type State = usize;

    fn precision(&self) -> u32 {
        self.precision
    }

    fn start(&self) -> usize {
        NONE_BEFORE
    }

    fn push(&self, state: &mut usize, byte: u8) {
        *state = usize::from(byte);
    }

    fn table<'a>(&'a self, state: &'a mut usize) -> &'a Table {
        &self.rows[self.next[*state]]
    }
}
