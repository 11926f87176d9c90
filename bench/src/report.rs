//! The results as a Markdown table: medians of both servers and their ratio.

use std::collections::BTreeMap;

use crate::rows::{self, Figures};
use crate::server::Kind;

const HEAD: &str = "\
# Results

Written by `make bench`; medians of three rounds in which stock and ours took turns. `README.md` says how each row is
measured. Figures move with the machine, ratios less.

| what | figure | stock | ours | ours ÷ stock |
|---|---|---:|---:|---:|
";

#[derive(Default)]
pub(crate) struct Report {
    /// In the order of measuring: row, figure.
    order: Vec<(&'static str, &'static str)>,
    values: BTreeMap<(&'static str, &'static str, Kind), Vec<f64>>,
}

impl Report {
    pub(crate) fn add(&mut self, row: &'static str, kind: Kind, figures: Figures) {
        for (figure, value) in figures {
            if !self.order.contains(&(row, figure)) {
                self.order.push((row, figure));
            }
            self.values.entry((row, figure, kind)).or_default().push(value);
        }
    }

    /// The whole table. A row that was not measured is taken from the table of `before`.
    pub(crate) fn print(&self, before: &str) -> String {
        let mut text = String::from(HEAD);
        for row in rows::all().map(|row| row.name) {
            let figures: Vec<_> = self.order.iter().filter(|(name, _)| *name == row).collect();
            for (_, figure) in &figures {
                self.line(&mut text, row, figure);
            }
            if figures.is_empty() {
                let is_it = |line: &&str| line.starts_with(&format!("| {row} |"));
                before.lines().filter(is_it).for_each(|line| text.extend([line, "\n"]));
            }
        }
        text
    }

    fn line(&self, text: &mut String, row: &'static str, figure: &'static str) {
        let stock = self.median(row, figure, Kind::Stock);
        let ours = self.median(row, figure, Kind::Ours);
        let ratio = if stock > 0.0 { format!("{:.2}", ours / stock) } else { "–".into() };
        text.push_str(&format!("| {row} | {figure} | {stock:.1} | {ours:.1} | {ratio} |\n"));
    }

    fn median(&self, row: &'static str, figure: &'static str, kind: Kind) -> f64 {
        let mut values = self.values.get(&(row, figure, kind)).cloned().unwrap_or_default();
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }
}
