//! Side-by-side benchmarks: the stock server and pipelines and ours take turns in one run, so that
//! their ratio survives a noisy machine. `make bench` builds all of them and calls this.

mod client;
mod ends;
mod media;
mod report;
mod rows;
mod server;
mod setup;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use report::Report;
use rows::Group;
use server::{Kind, Server};
use setup::Setup;

/// Each row is measured this often; the report shows the median.
const ROUNDS: usize = 3;

const USAGE: &str = "usage: intercom-bench STOCK_DIR RESULTS.md [signaller|media|ROW]…";

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1);
    let stock = args.next().map(PathBuf::from).context(USAGE)?;
    let results = args.next().map(PathBuf::from).context(USAGE)?;
    let wanted: Vec<String> = args.map(|arg| arg.to_string_lossy().into_owned()).collect();

    let setup = Setup::new(&stock)?;
    let rows: Vec<_> = rows::all().filter(|row| is_wanted(row, &wanted)).collect();
    if rows.is_empty() {
        bail!("no row is called {wanted:?}\n{USAGE}");
    }
    let mut report = Report::default();
    for round in 1..=ROUNDS {
        for row in &rows {
            for kind in [Kind::Stock, Kind::Ours] {
                let server = Server::start(kind, row.tls, &setup).await?;
                let figures = (row.measure)(&server, &setup).await;
                let figures = figures.with_context(|| format!("{} with {kind:?}", row.name))?;
                eprintln!("round {round}: {}: {kind:?}: {figures:.1?}", row.name);
                report.add(row.name, kind, figures);
            }
        }
    }
    // Rows that were not asked for stay as they are.
    let before = std::fs::read_to_string(&results).unwrap_or_default();
    std::fs::write(&results, report.print(&before))
        .with_context(|| results.display().to_string())?;
    println!("written to {}", results.display());
    Ok(())
}

/// Named by its group or by a part of its name; without any name all are.
fn is_wanted(row: &rows::Row, wanted: &[String]) -> bool {
    let names = |word: &String| match word.as_str() {
        "signaller" => row.group == Group::Signaller,
        "media" => row.group == Group::Media,
        part => row.name.contains(part),
    };
    wanted.is_empty() || wanted.iter().any(names)
}
