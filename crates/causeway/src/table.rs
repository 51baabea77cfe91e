//! Plain tables: a heading, columns as wide as their widest cell, two spaces between them.

use std::{borrow::Cow, fmt};

const GAP: &str = "  ";

/// How a column's cells stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alignment {
    Left,
    Right,
}

/// A table of text.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(String, Alignment)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// One column for each heading; `>` before a heading aligns its column to the right, as numbers want it.
    pub(crate) fn new(headings: &[&str]) -> Self {
        let column = |heading: &&str| match heading.strip_prefix('>') {
            Some(heading) => (heading.to_owned(), Alignment::Right),
            None => ((*heading).to_owned(), Alignment::Left),
        };
        Self { columns: headings.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row. A missing cell is empty, one too many is left out.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell).into_owned()).collect());
    }

    fn widths(&self) -> Vec<usize> {
        let cells = |column: usize| self.rows.iter().filter_map(move |row| row.get(column));
        self.columns
            .iter()
            .enumerate()
            .map(|(column, (heading, _))| cells(column).chain([heading]).map(|cell| cell.chars().count()).max())
            .map(Option::unwrap_or_default)
            .collect()
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>, widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, (_, alignment)), &width) in cells.zip(&self.columns).zip(widths) {
            match alignment {
                Alignment::Left => line += &format!("{cell:<width$}{GAP}"),
                Alignment::Right => line += &format!("{cell:>width$}{GAP}"),
            }
        }
        line.trim_end().to_owned()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        writeln!(f, "{}", self.line(self.columns.iter().map(|(heading, _)| heading.as_str()), &widths))?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{}", self.line(row.iter().map(String::as_str), &widths)))
    }
}

/// `text` with control characters, line ends apart, escaped: what comes from outside must not steer the terminal.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && c != '\n';
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(table: &mut Table, cells: &[&str]) {
        table.row(cells.iter().map(|&cell| cell.to_owned()));
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_without_spaces() {
        let mut table = Table::new(&["NAME", ">COUNT", "WHY"]);
        row(&mut table, &["a", "1", "x"]);
        row(&mut table, &["längst", "1234567", ""]);
        row(&mut table, &["short"]);
        assert_eq!(table.to_string(), "NAME      COUNT  WHY\na             1  x\nlängst  1234567\nshort\n");
    }

    #[test]
    fn what_would_steer_a_terminal_is_escaped() {
        let mut table = Table::new(&["NAME"]);
        row(&mut table, &["\u{1b}[31mred\t\u{9b}"]);
        assert_eq!(table.to_string(), "NAME\n\\u{1b}[31mred\\t\\u{9b}\n");
        assert_eq!(printable("two\nlines"), "two\nlines");
    }
}
