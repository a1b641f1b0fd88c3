//! `COPY`: files of the context, a stage or an image as a layer.
//!
//! Both sides are trees that are never left: links in the source are followed inside it, links in the destination
//! inside the image. Folders that the image has keep their owner and permissions; they are in the layer because a
//! layer's folder hides a lower one's attributes.

use image::{Attributes, Content, Found, LayerBuilder, Merged};

use globset::GlobBuilder;

use crate::error::{Error, Place};
use crate::ignore::Ignored;
use crate::stage::absolute;

/// Where files come from.
pub(crate) struct Source<'a> {
    pub(crate) tree: &'a Merged,
    /// Files that are as good as not there.
    pub(crate) ignored: &'a Ignored,
    /// Owners stay as they are; files of a context become root's.
    pub(crate) keep_owner: bool,
    /// In words, for messages.
    pub(crate) name: &'a str,
}

/// Owner and permissions that an instruction gives.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Given {
    pub(crate) owner: Option<(u32, u32)>,
    pub(crate) mode: Option<u32>,
}

/// A layer that is being made over an image.
pub(crate) struct Copier<'a> {
    pub(crate) place: &'a Place,
    pub(crate) base: &'a Merged,
    pub(crate) given: Given,
    pub(crate) layer: LayerBuilder,
}

/// A destination: its place in the image, and whether it stands for a folder.
pub(crate) struct Target {
    pub(crate) path: String,
    pub(crate) folder: bool,
}

impl Copier<'_> {
    fn wrong(&self, why: impl Into<String>) -> Error {
        Error::line(self.place, why)
    }

    fn store<T>(&self, result: Result<T, image::Error>) -> Result<T, Error> {
        result.map_err(Error::store(self.place))
    }

    /// Where `text` leads, from the working directory; `many` sources need a folder.
    pub(crate) fn target(&self, working_dir: &str, text: &str, many: bool) -> Result<Target, Error> {
        let ends = text.ends_with('/')
            || text == "."
            || text.ends_with("/.")
            || text == ".."
            || text.ends_with("/..");
        if many && !ends {
            return Err(self.wrong(format!("several sources need a folder as destination: `{text}/`")));
        }
        let resolved = self.store(self.base.resolve(&absolute(working_dir, text), true))?;
        let exists = resolved.found.as_ref().map(|found| found.metadata.is_dir());
        if exists == Some(false) && ends {
            return Err(self.wrong(format!("`{text}` is not a folder in the image")));
        }
        Ok(Target { path: resolved.path, folder: ends || exists == Some(true) })
    }

    /// What a pattern names in the source.
    pub(crate) fn find(&self, source: &Source<'_>, pattern: &str) -> Result<Vec<Found>, Error> {
        let clean = absolute("/", pattern);
        let parts: Vec<&str> = clean.split('/').filter(|part| !part.is_empty()).collect();
        let mut found: Vec<String> = vec![String::new()];
        for part in &parts {
            let mut next = Vec::new();
            for folder in found {
                let below =
                    |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                if !part.contains(['*', '?', '[', '\\']) {
                    next.push(below(part));
                    continue;
                }
                let glob = GlobBuilder::new(part).literal_separator(true).backslash_escape(true).build();
                let glob =
                    glob.map_err(|error| self.wrong(format!("`{pattern}`: {error}")))?.compile_matcher();
                let real = self.store(source.tree.resolve(&folder, true))?.path;
                let list = self.store(source.tree.list(&real))?;
                next.extend(list.iter().map(Found::name).filter(|name| glob.is_match(name)).map(below));
            }
            found = next;
        }
        let mut entries = Vec::new();
        for path in &found {
            // A folder may be ignored and yet have files that are taken back.
            let resolved = self.store(source.tree.resolve(path, true))?;
            let ignored = source.ignored.ignores(path);
            entries.extend(resolved.found.filter(|found| !ignored || found.metadata.is_dir()));
        }
        if entries.is_empty() {
            let hidden = found.iter().any(|path| source.ignored.ignores(path));
            let why = if hidden { "it is ignored by .dockerignore" } else { "there is no such file" };
            return Err(self.wrong(format!("`{pattern}` of {}: {why}", source.name)));
        }
        Ok(entries)
    }

    /// Copies a file, or what is in a folder.
    pub(crate) fn copy(&mut self, source: &Source<'_>, found: &Found, target: &Target) -> Result<(), Error> {
        if found.metadata.is_dir() {
            self.folder(&target.path)?;
            return self.contents(source, &found.path, &target.path);
        }
        let to = if target.folder { join(&target.path, found.name()) } else { target.path.clone() };
        self.one(source, found, &to)
    }

    /// A file of this content.
    pub(crate) fn bytes(&mut self, name: &str, content: Vec<u8>, target: &Target) -> Result<(), Error> {
        let to = if target.folder { join(&target.path, name) } else { target.path.clone() };
        self.parents(&to)?;
        let attributes = self.attributes(Attributes { mode: 0o644, ..Attributes::default() });
        let added = self.layer.entry(&to, Content::Bytes(content), attributes).map(drop);
        added.map_err(Error::store(self.place))
    }

    /// Makes sure that the layer has a folder, as the image has it or new.
    pub(crate) fn folder(&mut self, path: &str) -> Result<(), Error> {
        if path.is_empty() || self.layer.contains(path) {
            return Ok(());
        }
        self.parents(path)?;
        let attributes = match self.store(self.base.entry(path))? {
            Some(found) if found.metadata.is_dir() => {
                self.store(image::attributes(&found.real, &found.metadata))?
            }
            Some(_) => return Err(self.wrong(format!("/{path} is not a folder in the image"))),
            None => self.attributes_of_owner(Attributes { mode: 0o755, ..Attributes::default() }),
        };
        let added = self.layer.entry(path, Content::Directory, attributes).map(drop);
        added.map_err(Error::store(self.place))
    }

    fn parents(&mut self, path: &str) -> Result<(), Error> {
        match path.rsplit_once('/') {
            Some((parent, _)) => self.folder(parent),
            None => Ok(()),
        }
    }

    fn contents(&mut self, source: &Source<'_>, from: &str, to: &str) -> Result<(), Error> {
        for found in self.store(source.tree.list(from))? {
            let path = join(to, found.name());
            if !found.metadata.is_dir() {
                if !source.ignored.ignores(&found.path) {
                    self.one(source, &found, &path)?;
                }
                continue;
            }
            // A link to a folder in the image stays, and what is copied goes where it leads.
            let resolved = self.store(self.base.resolve(&path, true))?;
            let known = resolved.found.filter(|there| there.metadata.is_dir());
            let path = if known.is_some() { resolved.path } else { path };
            if source.ignored.ignores(&found.path) {
                // Files in it may be taken back; the folder comes with the first of them.
            } else if known.is_some() {
                self.folder(&path)?;
            } else if !self.layer.contains(&path) {
                self.one(source, &found, &path)?;
            }
            self.contents(source, &found.path, &path)?;
        }
        Ok(())
    }

    fn one(&mut self, source: &Source<'_>, found: &Found, to: &str) -> Result<(), Error> {
        let Some(content) = self.store(image::content(&found.real, &found.metadata))? else { return Ok(()) };
        self.parents(to)?;
        let mut attributes = self.store(image::attributes(&found.real, &found.metadata))?;
        if !source.keep_owner {
            (attributes.uid, attributes.gid) = (0, 0);
        }
        let link = matches!(content, Content::Symlink(_));
        let attributes =
            if link { self.attributes_of_owner(attributes) } else { self.attributes(attributes) };
        let added = self.layer.entry(to, content, attributes).map(drop);
        added.map_err(Error::store(self.place))
    }

    fn attributes(&self, own: Attributes) -> Attributes {
        let mode = self.given.mode.unwrap_or(own.mode);
        self.attributes_of_owner(Attributes { mode, ..own })
    }

    fn attributes_of_owner(&self, own: Attributes) -> Attributes {
        let (uid, gid) = self.given.owner.unwrap_or((own.uid, own.gid));
        Attributes { uid, gid, ..own }
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A user, perhaps with group: numbers, or names of the image's own `/etc/passwd` and `/etc/group`.
pub(crate) fn owner(place: &Place, base: &Merged, text: &str) -> Result<(u32, u32), Error> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let look_up = |file: &str, name: &str| -> Result<Vec<String>, Error> {
        let wrong = |why: String| Error::line(place, format!("user `{text}`: {why}"));
        let found = base.resolve(file, true).map_err(Error::store(place))?.found;
        let table = found.and_then(|found| std::fs::read_to_string(found.real).ok()).unwrap_or_default();
        let line = table.lines().map(|line| line.split(':')).find(|line| line.clone().next() == Some(name));
        let line = line.ok_or_else(|| wrong(format!("the image's /{file} has no `{name}`")))?;
        Ok(line.map(str::to_owned).collect())
    };
    let number =
        |fields: &[String], at: usize| fields.get(at).and_then(|field| field.parse().ok()).unwrap_or(0);
    let (uid, own_group) = match user.parse::<u32>() {
        Ok(uid) => (uid, None),
        Err(_) => {
            let fields = look_up("etc/passwd", user)?;
            (number(&fields, 2), Some(number(&fields, 3)))
        }
    };
    let gid = match group {
        None => own_group.unwrap_or(uid),
        Some(group) => match group.parse::<u32>() {
            Ok(gid) => gid,
            Err(_) => number(&look_up("etc/group", group)?, 2),
        },
    };
    Ok((uid, gid))
}
