//! The table that the benchmark prints: ours, what we want, and what a real cluster did on another day.

/// Rows in the order in which they were measured.
#[derive(Default)]
pub(crate) struct Table(Vec<[String; 4]>);

impl Table {
    /// Adds a row. `reference` is of another run: to be read, not divided by.
    pub(crate) fn row(&mut self, what: &str, ours: String, goal: &str, reference: &str) {
        println!("  {what}: {ours}");
        self.0.push([what.to_owned(), ours, goal.to_owned(), reference.to_owned()]);
    }

    pub(crate) fn print(&self) {
        let heads = ["", "ours", "goal", "Kubernetes v1.37.1 [*]"].map(str::to_owned);
        let rows = || std::iter::once(&heads).chain(&self.0);
        let width = |column: usize| rows().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2), width(3)];
        println!();
        for row in rows() {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
            println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
        println!(
            "\n[*] Not of this run: two nodes built from the upstream modules (etcd, containerd, runc, CoreDNS),\n    \
             measured on a machine like this one in November 2026. For orientation, no ratio."
        );
    }
}
