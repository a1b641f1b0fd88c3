//! What a `RUN` sees, as one digest: the same again need not run again.

use image::{Digest, Layer};

/// Changes when steps are run in another way than before.
const VERSION: &str = "1";

/// Everything that a step's result follows from.
pub(crate) struct Step<'a> {
    pub(crate) layers: &'a [Layer],
    pub(crate) arguments: &'a [String],
    pub(crate) environment: &'a [String],
    pub(crate) working_dir: &'a str,
    pub(crate) user: &'a str,
}

impl Step<'_> {
    pub(crate) fn key(&self) -> Digest {
        let layers: Vec<String> = self.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
        let text = serde_json::json!([
            VERSION,
            layers,
            self.arguments,
            self.environment,
            self.working_dir,
            self.user
        ]);
        Digest::of(text.to_string().as_bytes())
    }
}
