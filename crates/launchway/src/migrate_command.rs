//! `launchway migrate`: what the migration Job runs, and a person may.

use std::path::PathBuf;

use migrate::Url;

use crate::Failure;
use crate::ui::count;

/// Brings the database at `url` to the version of the scripts in `locations`.
pub(crate) async fn run(locations: &[PathBuf], url: &str) -> Result<(), Failure> {
    let url = Url::parse(url)?;
    println!("Database: {url}");
    let report = migrate::migrate(&url, locations).await?;
    for applied in &report.applied {
        println!("Applied {} in {} ms", applied.script, applied.milliseconds);
    }
    let version = report.version.map_or_else(|| "none".to_owned(), |version| version.to_string());
    match report.applied.len() {
        0 => println!("Version {version}; no migration necessary."),
        number => println!("Version {version} after {}.", count(number, "migration")),
    }
    Ok(())
}
