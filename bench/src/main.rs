//! Side-by-side benchmarks of the signaller: the stock server and ours take turns in one run, so
//! that their ratio survives a noisy machine. `make bench` builds both and calls this.

mod client;
mod report;
mod rows;
mod server;

use std::path::PathBuf;

use anyhow::{Context, Result};

/// Each row is measured this often; the report shows the median.
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let usage = "usage: intercom-bench STOCK_SERVER OUR_SERVER RESULTS.md";
    let stock = args.next().context(usage)?;
    let ours = args.next().context(usage)?;
    let results = args.next().context(usage)?;

    let pki = server::Pki::make()?;
    let mut report = report::Report::default();
    for round in 1..=ROUNDS {
        for row in rows::ALL {
            for (kind, program) in [(server::Kind::Stock, &stock), (server::Kind::Ours, &ours)] {
                let server = server::Server::start(kind, program, row.tls, &pki).await?;
                let figures = (row.measure)(&server, &pki).await;
                let figures = figures.with_context(|| format!("{} with {kind:?}", row.name))?;
                eprintln!("round {round}: {}: {kind:?}: {figures:?}", row.name);
                report.add(row.name, kind, figures);
            }
        }
    }
    std::fs::write(&results, report.print()).with_context(|| results.display().to_string())?;
    println!("written to {}", results.display());
    Ok(())
}
