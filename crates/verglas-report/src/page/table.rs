//! Tables whose columns can be sorted; on a narrow screen each row is a block of its own, and no column is cut.

use maud::{Markup, html};
use verglas_plot::grouped;

use super::words::SHORT;
use super::{four_digits, name};

/// One cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Text(String),
    /// A name of a structure or a file, which may be long.
    Name(String),
    /// There is no such number.
    None,
    /// A number, and how it is written.
    Number(f64, String),
    /// A number as a link to a file next to the page: value, text, file.
    Link(f64, String, &'static str),
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn name(name: impl Into<String>) -> Self {
        Self::Name(name.into())
    }

    pub(crate) fn count(n: usize) -> Self {
        Self::Number(n as f64, grouped(n))
    }

    pub(crate) fn number(value: f64) -> Self {
        Self::Number(value, four_digits(value))
    }

    /// A number, or a dash where there is none.
    pub(crate) fn optional(value: Option<f64>) -> Self {
        value.map_or(Self::None, Self::number)
    }
}

/// A table with one row of heads; `caption` is read to those who can't see it.
pub(crate) fn table(caption: &str, heads: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> Markup {
    let rows: Vec<Vec<Cell>> = rows.collect();
    let is_of_numbers = |column: usize| {
        rows.iter().any(|row| row.get(column).is_some_and(|cell| matches!(cell, Cell::Number(..) | Cell::Link(..))))
    };
    // Narrow screens lay rows out as blocks, which would take from them that they are a table: the roles say it.
    html! {
        div.wide tabindex="0" role="region" aria-label=(caption) {
            table.sortable role="table" {
                caption.unseen { (caption) }
                thead role="rowgroup" {
                    tr role="row" {
                        @for (column, head) in heads.iter().enumerate() {
                            th.number[is_of_numbers(column)] scope="col" role="columnheader" { button type="button" { (head) } }
                        }
                    }
                }
                tbody role="rowgroup" {
                    @for row in &rows {
                        tr role="row" {
                            @for (cell, head) in row.iter().zip(heads) {
                                @match cell {
                                    Cell::Text(text) | Cell::Name(text) =>
                                        td.short[text.chars().count() <= SHORT] role="cell" data-head=(head) {
                                            @if matches!(cell, Cell::Name(_)) { (name(text)) } @else { (text) }
                                        },
                                    Cell::None => td.number role="cell" data-head=(head) { "–" },
                                    Cell::Number(value, text) =>
                                        td.number role="cell" data-head=(head) data-value=(value) { (text) },
                                    Cell::Link(value, text, file) =>
                                        td.number role="cell" data-head=(head) data-value=(value) { a href=(file) { (text) } },
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_text_and_numbers_know_their_value() {
        let row = vec![Cell::text("</td>"), Cell::Number(1.5, "<1>".to_owned()), Cell::optional(None)];
        let html = table("<b>", &["<i>", "x", "y"], [row].into_iter()).into_string();
        assert!(!html.contains("<b>") && !html.contains("<i>") && !html.contains("<1>"), "{html}");
        assert_eq!(html.matches("</td>").count(), 3);
        // Heads stand above what they are of.
        assert_eq!(html.matches("<th class=\"number\"").count(), 1, "{html}");
        assert!(
            html.contains("data-value=\"1.5\">&lt;1&gt;</td>") && html.contains("data-head=\"&lt;i&gt;\""),
            "{html}"
        );
    }
}
