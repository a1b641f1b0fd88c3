//! Carrying a Dockerfile out: which stages are needed, and each instruction in turn.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{ContentStore, Digest, ImageConfig, LayerBuilder, Merged};
use tempfile::TempDir;

use crate::add::is_archive;
use crate::cache;
use crate::copy::{Copier, Given, Source, owner};
use crate::error::{Error, Place};
use crate::expand::{self, expand_text};
use crate::ignore::Ignored;
use crate::instruction::{Command, Copy, From, Instruction, Kind};
use crate::parse::{Dockerfile, parse};
use crate::run::{self, Runner};
use crate::stage::Stage;

/// What is to be built.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder that `COPY` and `ADD` read.
    pub context: PathBuf,
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// Stage to end with; the last one when `None`.
    pub target: Option<String>,
    /// Values of `ARG`s.
    pub args: BTreeMap<String, String>,
    /// Run every step, whatever is cached.
    pub no_cache: bool,
}

/// What happens, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An instruction begins: `Dockerfile:3`, its text.
    Step(String, String),
    /// Its result was there from an earlier build.
    Cached,
    /// A line that a step printed.
    Output(String),
    /// Something that the author of the Dockerfile may want to know.
    Notice(String),
}

/// A built image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Digest of its manifest. Tag it before [`ContentStore::writing`] is let go.
    pub digest: Digest,
    /// How many layers it has.
    pub layers: usize,
}

type Tell = Arc<dyn Fn(Event) + Send + Sync>;

/// Builds an image into the store; hold [`ContentStore::writing`] until it is tagged. When `interrupted` ends first
/// the build is given up; in every case what ran is ended and removed.
///
/// # Errors
/// With file and line: what makes no sense, a file or image that is not there, a step that failed.
pub async fn build(
    store: &ContentStore,
    options: &Options,
    tell: impl Fn(Event) + Send + Sync + 'static,
    interrupted: impl Future<Output = ()>,
) -> Result<Built, Error> {
    let name = options.dockerfile.display().to_string();
    let text = std::fs::read_to_string(&options.dockerfile);
    let text = text.map_err(|source| Error::Io { action: "read", path: name.clone(), source })?;
    let file = parse(&name, &text)?;
    let ignored = Ignored::read(&options.context, &options.dockerfile)?;
    let context = std::fs::canonicalize(&options.context).map_err(|source| Error::Io {
        action: "read",
        path: options.context.display().to_string(),
        source,
    })?;
    let texts = text.lines().map(str::to_owned).collect();
    let mut build = Build {
        store: store.clone(),
        options,
        file: &file,
        texts,
        tell: Arc::new(tell),
        context: Merged::new(vec![context]),
        ignored,
        globals: BTreeMap::new(),
        used_args: BTreeSet::new(),
        stages: Vec::new(),
        runner: None,
    };
    let result = tokio::select! {
        result = build.all() => result,
        () = interrupted => Err(Error::line(&file.place(0), "interrupted")),
    };
    if let Some(runner) = build.runner.take() {
        runner.close().await;
    }
    result
}

struct Build<'a> {
    store: ContentStore,
    options: &'a Options,
    file: &'a Dockerfile,
    /// The file's lines, to show them.
    texts: Vec<String>,
    tell: Tell,
    context: Merged,
    ignored: Ignored,
    /// Arguments from before the first stage.
    globals: BTreeMap<String, String>,
    used_args: BTreeSet<String>,
    /// Finished ones with their names; `None` = not needed.
    stages: Vec<(Option<String>, Option<Stage>)>,
    runner: Option<Runner>,
}

/// Instructions of one stage; the first is its `FROM`.
type Part<'a> = (&'a From, &'a [Instruction]);

impl<'a> Build<'a> {
    async fn all(&mut self) -> Result<Built, Error> {
        let file = self.file;
        let begins: Vec<usize> = (0..file.instructions.len())
            .filter(|at| matches!(file.instructions[*at].kind, Kind::From(_)))
            .collect();
        self.set_globals(&file.instructions[..begins[0]])?;
        let ends = begins[1..].iter().copied().chain([file.instructions.len()]);
        let mut parts: Vec<Part<'a>> = Vec::new();
        for (begin, end) in begins.iter().zip(ends) {
            if let Kind::From(from) = &file.instructions[*begin].kind {
                parts.push((from, &file.instructions[*begin..end]));
            }
        }
        let last = self.last(&parts)?;
        let needed = self.needed(&parts, last)?;
        for (at, (from, instructions)) in parts.iter().enumerate().take(last + 1) {
            let made = if needed.contains(&at) { Some(self.stage(from, instructions).await?) } else { None };
            self.stages.push((from.name.clone(), made));
        }
        let unused: Vec<&str> = self
            .options
            .args
            .keys()
            .filter(|name| !self.used_args.contains(*name))
            .map(String::as_str)
            .collect();
        if !unused.is_empty() {
            (self.tell)(Event::Notice(format!("no ARG takes these build arguments: {}", unused.join(", "))));
        }
        let place = file.place(0);
        let Some((_, Some(stage))) = self.stages.pop() else { return Err(Error::line(&place, "no stage")) };
        let (store, layers) = (self.store.clone(), stage.layers.len());
        let built = blocking(&place, move || store.build_image(&stage.config, &stage.layers)).await?;
        Ok(Built { digest: built, layers })
    }

    fn set_globals(&mut self, instructions: &[Instruction]) -> Result<(), Error> {
        self.globals = platform();
        for instruction in instructions {
            let Kind::Arg(list) = &instruction.kind else { continue };
            for (name, default) in list {
                let place = self.file.place(instruction.line);
                let default = default.as_ref().map(|word| self.expand_global(&place, word)).transpose()?;
                if let Some(value) = self.given(name).or(default) {
                    self.globals.insert(name.clone(), value);
                }
            }
        }
        Ok(())
    }

    fn given(&mut self, name: &str) -> Option<String> {
        let value = self.options.args.get(name).cloned()?;
        self.used_args.insert(name.to_owned());
        Some(value)
    }

    fn expand_global(&self, place: &Place, word: &str) -> Result<String, Error> {
        let value = |name: &str| self.globals.get(name).cloned();
        expand::expand(word, self.file.escape, &value).map_err(|why| Error::line(place, why))
    }

    fn last(&self, parts: &[Part<'_>]) -> Result<usize, Error> {
        let Some(target) = &self.options.target else { return Ok(parts.len() - 1) };
        let named = parts.iter().rposition(|(from, _)| {
            from.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(target))
        });
        let numbered = target.parse::<usize>().ok().filter(|number| *number < parts.len());
        named.or(numbered).ok_or_else(|| {
            let names: Vec<&str> = parts.iter().filter_map(|(from, _)| from.name.as_deref()).collect();
            let there = if names.is_empty() { "none has a name".to_owned() } else { names.join(", ") };
            Error::line(&self.file.place(0), format!("no stage is called `{target}` ({there})"))
        })
    }

    /// The stage that a name or number stands for, among those before `before`.
    fn find(&self, parts: &[Part<'_>], before: usize, name: &str) -> Option<usize> {
        let named = parts[..before]
            .iter()
            .rposition(|(from, _)| from.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name)));
        named.or_else(|| name.parse::<usize>().ok().filter(|number| *number < before))
    }

    /// Stages that the last one is made from or copies from, directly or not.
    fn needed(&self, parts: &[Part<'_>], last: usize) -> Result<BTreeSet<usize>, Error> {
        let mut needed = BTreeSet::new();
        let mut open = vec![last];
        while let Some(at) = open.pop() {
            if !needed.insert(at) {
                continue;
            }
            let (from, instructions) = &parts[at];
            let image = self.expand_global(&self.file.place(instructions[0].line), &from.image)?;
            // A number is no stage's name in FROM.
            open.extend(self.find(parts, at, &image).filter(|_| image.parse::<usize>().is_err()));
            for instruction in *instructions {
                if let Kind::Copy(Copy { from: Some(name), .. }) = &instruction.kind {
                    open.extend(self.find(parts, at, name));
                }
            }
        }
        Ok(needed)
    }

    fn step(&self, place: &Place) {
        let text = self.texts.get(place.line.saturating_sub(1)).map_or("", |text| text.trim());
        (self.tell)(Event::Step(place.to_string(), text.to_owned()));
    }

    async fn stage(&mut self, from: &From, instructions: &[Instruction]) -> Result<Stage, Error> {
        let place = self.file.place(instructions[0].line);
        self.step(&place);
        let mut stage = self.begin(&place, from)?;
        for instruction in &instructions[1..] {
            let place = self.file.place(instruction.line);
            self.step(&place);
            self.instruction(&place, &mut stage, &instruction.kind).await?;
        }
        Ok(stage)
    }

    fn begin(&self, place: &Place, from: &From) -> Result<Stage, Error> {
        let own = format!("linux/{}", image::architecture());
        if let Some(platform) = &from.platform {
            let platform = self.expand_global(place, platform)?;
            if platform != own {
                return Err(Error::line(
                    place,
                    format!("--platform={platform}: this machine builds {own} alone"),
                ));
            }
        }
        let name = self.expand_global(place, &from.image)?;
        if name == "scratch" {
            return Ok(Stage::new(ImageConfig::default(), Vec::new()));
        }
        let stage = self
            .stages
            .iter()
            .rev()
            .find(|(own, _)| own.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(&name)));
        if let Some((_, Some(stage))) = stage {
            return Ok(stage.derived());
        }
        let image = self.image(place, &name)?;
        Ok(Stage::new(image.config, image.layers))
    }

    fn image(&self, place: &Place, name: &str) -> Result<image::Image, Error> {
        let found = self.store.resolve(name).map_err(Error::store(place))?;
        found.ok_or_else(|| {
            let why = format!(
                "image {name} is not on this machine; fetch it with `launchway image pull {name}` or import it"
            );
            Error::line(place, why)
        })
    }

    async fn instruction(&mut self, place: &Place, stage: &mut Stage, kind: &Kind) -> Result<(), Error> {
        let escape = self.file.escape;
        let wrong = |why: String| Error::line(place, why);
        let expand = |stage: &Stage, word: &str| stage.expand(word, escape).map_err(wrong);
        match kind {
            Kind::From(_) => {}
            Kind::Arg(list) => {
                for (name, default) in list {
                    let default = default.as_ref().map(|word| expand(stage, word)).transpose()?;
                    let value = self.given(name).or(default).or_else(|| self.globals.get(name).cloned());
                    stage.args.extend(value.map(|value| (name.clone(), value)));
                }
            }
            Kind::Env(pairs) => {
                // All of them see the variables from before.
                let pairs = pairs.iter().map(|(name, word)| Ok((expand(stage, name)?, expand(stage, word)?)));
                for (name, value) in pairs.collect::<Result<Vec<_>, Error>>()? {
                    stage.set_env(&name, &value);
                }
            }
            Kind::Label(pairs) => {
                for (name, word) in pairs {
                    let (name, value) = (expand(stage, name)?, expand(stage, word)?);
                    stage.config.labels.insert(name, value);
                }
            }
            Kind::WorkingDirectory(word) => {
                let path = stage.expand(word, escape).map_err(wrong)?;
                let path = stage.change_directory(&path);
                let base = self.tree(place, stage).await?;
                let resolved = base.resolve(&path, true).map_err(Error::store(place))?;
                if resolved.found.is_none() {
                    // It is for whoever works there.
                    let user = Some(&stage.config.user).filter(|user| !user.is_empty());
                    let owner = user.map(|user| owner(place, &base, user)).transpose()?;
                    let given = Given { owner, mode: None };
                    let mut copier = Copier { place, base: &base, given, layer: LayerBuilder::new() };
                    copier.folder(&resolved.path)?;
                    let layer = copier.layer;
                    self.keep(place, stage, layer, Vec::new()).await?;
                }
            }
            Kind::User(word) => stage.config.user = expand(stage, word)?,
            Kind::Entrypoint(command) => stage.set_entrypoint(command),
            Kind::Cmd(command) => stage.set_cmd(command),
            Kind::Expose(list) => {
                for word in list {
                    let port = expand(stage, word)?;
                    stage.expose(&port).map_err(wrong)?;
                }
            }
            Kind::Volume(list) => {
                for word in list {
                    let path = expand(stage, word)?;
                    stage.volume(path);
                }
            }
            Kind::StopSignal(word) => stage.config.stop_signal = expand(stage, word)?,
            Kind::Shell(list) => stage.shell.clone_from(list),
            Kind::HealthCheck => {
                let text = "HEALTHCHECK is left out: probes of the pod say whether a container is well";
                (self.tell)(Event::Notice(format!("{place}: {text}")));
            }
            Kind::Copy(copy) => self.copy(place, stage, copy).await?,
            Kind::Run(command) => self.run(place, stage, command).await?,
        }
        Ok(())
    }

    /// The files that a stage has so far.
    async fn tree(&self, place: &Place, stage: &Stage) -> Result<Merged, Error> {
        let (store, layers) = (self.store.clone(), stage.layers.clone());
        blocking(place, move || store.unpack_layers(&layers)).await.map(Merged::new)
    }

    /// Adds a layer, unless nothing is in it. `_held` are folders whose files it packs.
    async fn keep(
        &self,
        place: &Place,
        stage: &mut Stage,
        layer: LayerBuilder,
        held: Vec<TempDir>,
    ) -> Result<(), Error> {
        if layer.is_empty() {
            return Ok(());
        }
        let store = self.store.clone();
        let layer = blocking(place, move || {
            let layer = store.put_layer(&layer);
            drop(held);
            layer
        });
        stage.layers.push(layer.await?);
        Ok(())
    }

    async fn copy(&mut self, place: &Place, stage: &mut Stage, copy: &Copy) -> Result<(), Error> {
        let wrong = |why: String| Error::line(place, why);
        let expand = |word: &String| stage.expand(word, self.file.escape).map_err(wrong);
        let base = self.tree(place, stage).await?;
        let given = Given {
            owner: copy.chown.as_ref().map(|word| owner(place, &base, &expand(word)?)).transpose()?,
            mode: copy.chmod.as_ref().map(|word| mode(place, &expand(word)?)).transpose()?,
        };
        let none = Ignored::default();
        let other = match &copy.from {
            Some(name) => Some((self.other(place, name).await?, format!("`{name}`"))),
            None => None,
        };
        let source = match &other {
            Some((tree, name)) => Source { tree, ignored: &none, keep_owner: true, name },
            None => Source {
                tree: &self.context,
                ignored: &self.ignored,
                keep_owner: false,
                name: "the build's context",
            },
        };
        let mut copier = Copier { place, base: &base, given, layer: LayerBuilder::new() };
        let mut found = Vec::new();
        for pattern in &copy.sources {
            found.extend(copier.find(&source, &expand(pattern)?)?);
        }
        let target = copier.target(
            &stage.config.working_dir,
            &expand(&copy.target)?,
            found.len() + copy.files.len() > 1,
        )?;
        let mut held = Vec::new();
        for entry in &found {
            if copy.extract && entry.metadata.is_file() && is_archive(place, &entry.real)? {
                held.push(self.extract(place, &mut copier, &entry.real, &target.path).await?);
            } else {
                copier.copy(&source, entry, &target)?;
            }
        }
        for (name, text, with_variables) in &copy.files {
            let text = if *with_variables {
                expand_text(text, self.file.escape, &|name| stage.value(name)).map_err(wrong)?
            } else {
                text.clone()
            };
            copier.bytes(name, text.into_bytes(), &target)?;
        }
        let layer = copier.layer;
        self.keep(place, stage, layer, held).await
    }

    /// The files of a stage or image that `COPY --from` names.
    async fn other(&self, place: &Place, name: &str) -> Result<Merged, Error> {
        let named = self
            .stages
            .iter()
            .rev()
            .find(|(own, _)| own.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name)));
        let stage = named.or_else(|| self.stages.get(name.parse::<usize>().ok()?));
        let layers = match stage {
            Some((_, Some(stage))) => stage.layers.clone(),
            _ => self.image(place, name)?.layers,
        };
        let store = self.store.clone();
        blocking(place, move || store.unpack_layers(&layers)).await.map(Merged::new)
    }

    /// Adds what is in an archive; the folder that holds it until the layer is packed.
    async fn extract(
        &self,
        place: &Place,
        copier: &mut Copier<'_>,
        archive: &Path,
        target: &str,
    ) -> Result<TempDir, Error> {
        let folder = tempfile::Builder::new().prefix("add-").tempdir_in(self.store.root().join("tmp"));
        let folder = folder.map_err(|source| Error::Io {
            action: "make a folder for",
            path: archive.display().to_string(),
            source,
        })?;
        let (from, to) = (archive.to_owned(), folder.path().to_owned());
        blocking(place, move || image::extract_archive(&from, &to)).await?;
        let tree = Merged::new(vec![folder.path().to_owned()]);
        let source =
            Source { tree: &tree, ignored: &Ignored::default(), keep_owner: true, name: "the archive" };
        let target = crate::copy::Target { path: target.to_owned(), folder: true };
        if let Some(top) = tree.entry("").map_err(Error::store(place))? {
            copier.copy(&source, &top, &target)?;
        }
        Ok(folder)
    }

    async fn run(&mut self, place: &Place, stage: &mut Stage, command: &Command) -> Result<(), Error> {
        let arguments = stage.arguments(command);
        let environment = stage.environment();
        let key = cache::Step {
            layers: &stage.layers,
            arguments: &arguments,
            environment: &environment,
            working_dir: &stage.config.working_dir,
            user: &stage.config.user,
        }
        .key();
        if !self.options.no_cache
            && let Some(layer) = self.store.recall(&key).map_err(Error::store(place))?
        {
            (self.tell)(Event::Cached);
            stage.layers.extend(layer);
            return Ok(());
        }
        let (store, layers) = (self.store.clone(), stage.layers.clone());
        let lower_dirs = blocking(place, move || store.unpack_layers(&layers)).await?;
        if self.runner.is_none() {
            self.runner = Some(Runner::new(&self.store, place).await?);
        }
        let Some(runner) = &mut self.runner else { return Ok(()) };
        let step = run::Step {
            place,
            arguments,
            environment,
            working_dir: &stage.config.working_dir,
            user: &stage.config.user,
            lower_dirs,
        };
        let tell = self.tell.clone();
        let changed = runner.run(step, &move |line| tell(Event::Output(line.to_owned()))).await?;
        let before = stage.layers.len();
        self.keep(place, stage, changed, Vec::new()).await?;
        let layer = stage.layers.get(before);
        self.store.remember(&key, layer).map_err(Error::store(place))
    }
}

/// Arguments that every Dockerfile may use in `FROM`, and declare for its stages.
fn platform() -> BTreeMap<String, String> {
    let architecture = image::architecture();
    let mut list = BTreeMap::new();
    for prefix in ["TARGET", "BUILD"] {
        list.insert(format!("{prefix}PLATFORM"), format!("linux/{architecture}"));
        list.insert(format!("{prefix}OS"), "linux".to_owned());
        list.insert(format!("{prefix}ARCH"), architecture.to_owned());
        list.insert(format!("{prefix}VARIANT"), String::new());
    }
    list
}

fn mode(place: &Place, text: &str) -> Result<u32, Error> {
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777).ok_or_else(|| {
        Error::line(place, format!("--chmod={text}: permissions are written in octal, as 0755"))
    })
}

/// Work on the disk, away from other tasks.
async fn blocking<T: Send + 'static>(
    place: &Place,
    work: impl FnOnce() -> Result<T, image::Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Error::Container { place: place.clone(), why: error.to_string() })?;
    done.map_err(Error::store(place))
}
