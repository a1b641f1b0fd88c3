//! What a person sees: one line a stage, a spinner while it lasts on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Width of the column with a stage's name.
const NAME: usize = 9;

/// A stage of work that is under way.
pub(crate) struct Stage {
    name: &'static str,
    started: Instant,
    bar: Option<ProgressBar>,
}

impl Stage {
    /// Begins the stage `name`.
    pub(crate) fn begin(name: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("  {spinner} {prefix} {wide_msg} {elapsed}");
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar.set_prefix(format!("{name:NAME$}"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { name, started: Instant::now(), bar }
    }

    /// Shows what is being done right now; elsewhere than on a terminal nothing.
    pub(crate) fn doing(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
    }

    /// A line that stays.
    pub(crate) fn line(&self, text: &str) {
        let line = format!("    {:NAME$} {text}", "");
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// Ends the stage well.
    pub(crate) fn done(self, text: &str) {
        self.end("✓", text);
    }

    /// Ends the stage badly; the reason is told where the error is.
    pub(crate) fn failed(self) {
        self.end("✗", "failed");
    }

    fn end(self, mark: &str, text: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!("  {mark} {:NAME$} {text} ({})", self.name, seconds(self.started.elapsed()));
    }

    /// Ends the stage by what `result` is: `text` says what was reached.
    pub(crate) fn finish<T, E>(self, result: Result<T, E>, text: impl FnOnce(&T) -> String) -> Result<T, E> {
        match &result {
            Ok(value) => self.done(&text(value)),
            Err(_) => self.failed(),
        }
        result
    }
}

/// `1.23 s`, or minutes and seconds.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration.as_secs() < 60 {
        format!("{:.2} s", duration.as_secs_f64())
    } else {
        format!("{} min {:02} s", duration.as_secs() / 60, duration.as_secs() % 60)
    }
}

/// `1 task`, `2 tasks`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
