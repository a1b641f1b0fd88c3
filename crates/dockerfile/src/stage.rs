//! A stage while it is built: its configuration, its layers, its variables. Pure.

use std::collections::{BTreeMap, BTreeSet};

use image::{ImageConfig, Layer};

use crate::expand;
use crate::instruction::Command;

/// Where programs are looked for in images that do not say.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What has been made so far.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) config: ImageConfig,
    /// Lowest first.
    pub(crate) layers: Vec<Layer>,
    pub(crate) shell: Vec<String>,
    /// Build arguments that were declared.
    pub(crate) args: BTreeMap<String, String>,
    /// This stage set its own command.
    pub(crate) own_cmd: bool,
}

impl Stage {
    pub(crate) fn new(config: ImageConfig, layers: Vec<Layer>) -> Self {
        let shell = vec!["/bin/sh".to_owned(), "-c".to_owned()];
        Self { config, layers, shell, args: BTreeMap::new(), own_cmd: false }
    }

    /// What another stage begins with that is made from this one.
    pub(crate) fn derived(&self) -> Self {
        Self { args: BTreeMap::new(), own_cmd: false, ..self.clone() }
    }

    /// A variable: the environment wins over arguments.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let of_image = self.config.env.iter().rev().find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key == name).then(|| value.to_owned())
        });
        of_image.or_else(|| self.args.get(name).cloned())
    }

    /// A word with its variables replaced and its quotes gone.
    pub(crate) fn expand(&self, word: &str, escape: char) -> Result<String, String> {
        expand::expand(word, escape, &|name| self.value(name))
    }

    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        let prefix = format!("{name}=");
        let pair = format!("{prefix}{value}");
        match self.config.env.iter_mut().find(|known| known.starts_with(&prefix)) {
            Some(known) => *known = pair,
            None => self.config.env.push(pair),
        }
    }

    /// The environment of a step: the image's, and the arguments that it does not hide.
    pub(crate) fn environment(&self) -> Vec<String> {
        let mut list = self.config.env.clone();
        let known: BTreeSet<String> =
            list.iter().filter_map(|pair| pair.split_once('=')).map(|(name, _)| name.to_owned()).collect();
        let args = self.args.iter().filter(|(name, _)| !known.contains(*name));
        list.extend(args.map(|(name, value)| format!("{name}={value}")));
        if !list.iter().any(|pair| pair.starts_with("PATH=")) {
            list.push(PATH.to_owned());
        }
        list
    }

    /// The program and arguments that a command stands for.
    pub(crate) fn arguments(&self, command: &Command) -> Vec<String> {
        match command {
            Command::Exec(list) => list.clone(),
            Command::Shell(text) if text.is_empty() => Vec::new(),
            Command::Shell(text) => self.shell.iter().cloned().chain([text.clone()]).collect(),
        }
    }

    pub(crate) fn set_entrypoint(&mut self, command: &Command) {
        self.config.entrypoint = self.arguments(command);
        // The base image's command was meant for its own entrypoint.
        if !self.own_cmd {
            self.config.cmd.clear();
        }
    }

    pub(crate) fn set_cmd(&mut self, command: &Command) {
        self.config.cmd = self.arguments(command);
        self.own_cmd = true;
    }

    /// Changes the working directory; the new one.
    pub(crate) fn change_directory(&mut self, to: &str) -> String {
        self.config.working_dir = absolute(&self.config.working_dir, to);
        self.config.working_dir.clone()
    }

    /// `80`, `53/udp`, `8000-8003`.
    pub(crate) fn expose(&mut self, port: &str) -> Result<(), String> {
        let (ports, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        let protocol = protocol.to_ascii_lowercase();
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let range = first.parse::<u16>().ok().zip(last.parse::<u16>().ok());
        let range = range.filter(|(first, last)| first <= last && *first > 0);
        if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") || range.is_none() {
            return Err(format!("EXPOSE {port}: a port is written 80, 53/udp or 8000-8003/tcp"));
        }
        let (first, last) = range.unwrap_or_default();
        for port in first..=last {
            add(&mut self.config.exposed_ports, format!("{port}/{protocol}"));
        }
        Ok(())
    }

    pub(crate) fn volume(&mut self, path: String) {
        add(&mut self.config.volumes, path);
    }
}

fn add(list: &mut Vec<String>, value: String) {
    if !list.contains(&value) {
        list.push(value);
        list.sort();
    }
}

/// A path of the image, from the folder `from`.
pub(crate) fn absolute(from: &str, path: &str) -> String {
    let joined = if path.starts_with('/') { path.to_owned() } else { format!("{from}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> Stage {
        let config =
            ImageConfig { env: vec!["A=1".into()], cmd: vec!["base".into()], ..ImageConfig::default() };
        Stage::new(config, Vec::new())
    }

    #[test]
    fn the_environment_wins_over_arguments() {
        let mut stage = stage();
        stage.args = BTreeMap::from([("A".into(), "2".into()), ("B".into(), "3".into())]);
        assert_eq!(stage.expand("$A$B$C", '\\').unwrap(), "13");
        assert_eq!(stage.environment(), ["A=1", "B=3", PATH]);
        stage.set_env("A", "9");
        assert_eq!(stage.config.env, ["A=9"]);
        assert!(stage.derived().args.is_empty());
    }

    #[test]
    fn an_entrypoint_drops_the_inherited_command_alone() {
        let mut first = stage();
        first.set_entrypoint(&Command::Exec(vec!["e".into()]));
        assert!(first.config.cmd.is_empty());
        let mut second = stage();
        second.set_cmd(&Command::Shell("x y".into()));
        second.set_entrypoint(&Command::Exec(vec!["e".into()]));
        assert_eq!(second.config.cmd, ["/bin/sh", "-c", "x y"]);
        // SHELL counts for commands in shell form, also those that run later.
        second.shell = vec!["/bin/bash".into(), "-ec".into()];
        second.set_cmd(&Command::Shell("x y".into()));
        assert_eq!(second.config.cmd, ["/bin/bash", "-ec", "x y"]);
    }

    #[test]
    fn paths_and_ports() {
        assert_eq!(absolute("/a", "b/../c"), "/a/c");
        assert_eq!(absolute("", "x"), "/x");
        assert_eq!(absolute("/a", "/"), "/");
        let mut stage = stage();
        stage.expose("8001-8002").unwrap();
        stage.expose("53/UDP").unwrap();
        stage.expose("8001").unwrap();
        assert_eq!(stage.config.exposed_ports, ["53/udp", "8001/tcp", "8002/tcp"]);
        for bad in ["x", "0", "9-8", "80/http", ""] {
            assert!(stage.expose(bad).is_err(), "{bad}");
        }
    }
}
