//! `launchway image build`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use dockerfile::{Event, Options};
use image::{ContentStore, Reference};

use crate::Failure;
use crate::ui::{Stage, count};

/// Arguments of `launchway image build`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// The folder that COPY and ADD read.
    #[arg(default_value = ".")]
    context: PathBuf,
    /// The Dockerfile; default: Dockerfile in that folder.
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// Name of the image; may be given several times.
    #[arg(short, long = "tag", value_name = "NAME")]
    tags: Vec<String>,
    /// Stage to end with; default: the last one.
    #[arg(long)]
    target: Option<String>,
    /// Value of an ARG: NAME=VALUE, or NAME to take it from your environment.
    #[arg(long = "build-arg", value_name = "NAME=VALUE")]
    args: Vec<String>,
    /// Run every step, whatever is cached.
    #[arg(long)]
    no_cache: bool,
}

/// What a step printed, kept for the case that it fails.
const KEPT: usize = 20;

pub(super) async fn run(store: &ContentStore, arguments: Arguments) -> Result<(), Failure> {
    for tag in &arguments.tags {
        // Before anything is built.
        let reference = Reference::parse(tag)?;
        if reference.digest.is_some() {
            return Err(format!("`{tag}`: an image is named by name and tag, not by digest").into());
        }
    }
    let mut args = BTreeMap::new();
    for text in &arguments.args {
        match text.split_once('=') {
            Some((name, value)) => args.insert(name.to_owned(), value.to_owned()),
            None => match std::env::var(text) {
                Ok(value) => args.insert(text.clone(), value),
                Err(_) => return Err(format!("--build-arg {text}: your environment has no {text}").into()),
            },
        };
    }
    let dockerfile = arguments.file.unwrap_or_else(|| arguments.context.join("Dockerfile"));
    let options = Options {
        context: arguments.context,
        dockerfile,
        target: arguments.target,
        args,
        no_cache: arguments.no_cache,
    };
    // Until it has its name, a collection would take it.
    let _writing = store.writing()?;
    let stage = Arc::new(Stage::begin("build"));
    let last = Arc::new(Mutex::new(Vec::new()));
    let tell = {
        let (stage, last) = (stage.clone(), last.clone());
        move |event| show(&stage, &mut last.lock().unwrap_or_else(PoisonError::into_inner), event)
    };
    let interrupted = async {
        // Without the signal nothing interrupts.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let built = dockerfile::build(store, &options, tell, interrupted).await;
    if built.is_err() {
        for line in last.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            eprintln!("      {line}");
        }
    }
    let text = |built: &dockerfile::Built| count(built.layers, "layer");
    let built = match Arc::into_inner(stage) {
        Some(stage) => stage.finish(built, text)?,
        None => built?,
    };
    let mut names = Vec::new();
    for tag in &arguments.tags {
        store.tag(tag, &built.digest)?;
        names.push(Reference::parse(tag)?.to_string());
    }
    println!("{} {}", names.join(", "), built.digest);
    if names.is_empty() {
        eprintln!("The image has no name, so the next collection removes it; give it one with -t.");
    }
    Ok(())
}

fn show(stage: &Stage, last: &mut Vec<String>, event: Event) {
    match event {
        Event::Step(place, text) => {
            last.clear();
            stage.line(&format!("{place} {text}"));
            stage.doing(&text);
        }
        Event::Cached => stage.line("  cached"),
        Event::Output(line) => {
            stage.doing(&line);
            if last.len() == KEPT {
                last.remove(0);
            }
            last.push(line);
        }
        Event::Notice(text) => stage.line(&format!("  {text}")),
    }
}
