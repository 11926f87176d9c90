//! The results as a Markdown table: medians of both servers and their ratio.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::rows::Figures;
use crate::server::Kind;

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

    pub(crate) fn print(&self) -> String {
        let mut text = String::from(
            "# Results\n\nWritten by `make bench`; medians of three rounds in which the two servers took turns. Figures move \
             with the machine, ratios less.\n\n| what | figure | stock | ours | ours ÷ stock |\n|---|---|---:|---:|---:|\n",
        );
        for (row, figure) in &self.order {
            let stock = self.median(row, figure, Kind::Stock);
            let ours = self.median(row, figure, Kind::Ours);
            let ratio = if stock > 0.0 { format!("{:.2}", ours / stock) } else { "–".into() };
            let _ = writeln!(text, "| {row} | {figure} | {stock:.1} | {ours:.1} | {ratio} |");
        }
        text
    }

    fn median(&self, row: &'static str, figure: &'static str, kind: Kind) -> f64 {
        let mut values = self.values.get(&(row, figure, kind)).cloned().unwrap_or_default();
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }
}
