//! What the pod network remembers on disk, as two small text files written by rename.
//!
//! The first line of each is the boot's id. Nothing that is described here survives a reboot, so files of
//! an earlier boot count as absent; that also makes a flush to the disk needless: a file torn by a power
//! cut is by definition of an earlier boot.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::Ipv4Net;

use super::Error;

/// Who holds which address; the file `addresses`.
#[derive(Debug)]
pub(super) struct Addresses {
    file: PathBuf,
    cidr: Ipv4Net,
    node: Ipv4Addr,
    reserved: u32,
    /// The address given out last: the search goes on after it, so that a freed one rests for a while.
    last: Ipv4Addr,
    by_id: BTreeMap<String, Ipv4Addr>,
}

impl Addresses {
    pub(super) fn load(folder: &Path, cidr: Ipv4Net, node: Ipv4Addr, reserved: u32) -> Result<Self, Error> {
        let file = folder.join("addresses");
        let mut addresses = Self { cidr, node, reserved, last: node, by_id: BTreeMap::new(), file };
        for line in read_lines(&addresses.file)? {
            let malformed = || Error::Malformed { path: addresses.file.clone(), line: line.clone() };
            let (address, id) = line.split_once(' ').ok_or_else(malformed)?;
            let address: Ipv4Addr = address.parse().map_err(|_| malformed())?;
            match id {
                "last" => addresses.last = address,
                id => drop(addresses.by_id.insert(id.to_owned(), address)),
            }
        }
        Ok(addresses)
    }

    pub(super) fn of(&self, id: &str) -> Option<Ipv4Addr> {
        self.by_id.get(id).copied()
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.by_id.keys().cloned().collect()
    }

    /// The address of `id`; a free one is chosen and remembered if it has none.
    pub(super) fn hold(&mut self, id: &str) -> Result<Ipv4Addr, Error> {
        if id.is_empty() || id == "last" || id.contains(char::is_whitespace) {
            return Err(Error::Id(id.to_owned()));
        }
        if let Some(address) = self.of(id) {
            return Ok(address);
        }
        let address = self.free().ok_or(Error::Exhausted { cidr: self.cidr })?;
        let before = std::mem::replace(&mut self.last, address);
        self.by_id.insert(id.to_owned(), address);
        self.save().inspect_err(|_| {
            self.last = before;
            self.by_id.remove(id);
        })?;
        Ok(address)
    }

    /// Forgets `id`.
    pub(super) fn release(&mut self, id: &str) -> Result<(), Error> {
        match self.by_id.remove(id) {
            Some(address) => self.save().inspect_err(|_| {
                self.by_id.insert(id.to_owned(), address);
            }),
            None => Ok(()),
        }
    }

    /// The next free address after the last one given out. The first and last of the range stay unused:
    /// many programs take them for network and broadcast address.
    fn free(&self) -> Option<Ipv4Addr> {
        let (first, last) = (self.cidr.network().to_bits(), self.cidr.last().to_bits() - self.reserved);
        let taken: std::collections::HashSet<Ipv4Addr> = self.by_id.values().copied().collect();
        let start = if self.cidr.contains(self.last) { self.last.to_bits() } else { first };
        let candidates = (start.saturating_add(1)..last).chain(first.saturating_add(1)..=start);
        candidates
            .map(Ipv4Addr::from_bits)
            .find(|a| *a != self.node && *a != self.cidr.last() && !taken.contains(a))
    }

    fn save(&self) -> Result<(), Error> {
        let held = self.by_id.iter().map(|(id, address)| format!("{address} {id}"));
        write_lines(&self.file, std::iter::once(format!("{} last", self.last)).chain(held))
    }
}

/// What was done to the node itself; the file `node`. Written before it is done, so that a crash between
/// the two leaves nothing unowned.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct NodeRecord {
    /// The device that we made.
    pub(super) device: Option<String>,
    /// Settings that we changed, with the value they had before.
    pub(super) before: BTreeMap<String, String>,
}

impl NodeRecord {
    pub(super) fn load(folder: &Path) -> Result<Self, Error> {
        let file = folder.join("node");
        let mut record = Self::default();
        for line in read_lines(&file)? {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["device", name] => record.device = Some(name.to_owned()),
                ["before", key, value] => drop(record.before.insert(key.to_owned(), value.to_owned())),
                _ => return Err(Error::Malformed { path: file, line }),
            }
        }
        Ok(record)
    }

    pub(super) fn save(&self, folder: &Path) -> Result<(), Error> {
        let device = self.device.iter().map(|name| format!("device {name}"));
        let before = self.before.iter().map(|(key, value)| format!("before {key} {value}"));
        write_lines(&folder.join("node"), device.chain(before))
    }
}

/// Removes both files; not the folder, which is the caller's.
pub(super) fn remove(folder: &Path) -> Result<(), Error> {
    for name in ["addresses", "node"] {
        let path = folder.join(name);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(Error::State { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_lines(path: &Path) -> Result<Vec<String>, Error> {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::State { path: path.to_owned(), source }),
    };
    let mut lines = text.lines();
    if lines.next() != Some(format!("boot {}", boot_id()?).as_str()) {
        return Ok(Vec::new());
    }
    Ok(lines.map(str::to_owned).collect())
}

fn write_lines(path: &Path, lines: impl Iterator<Item = String>) -> Result<(), Error> {
    let mut text = format!("boot {}\n", boot_id()?);
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    let state = |source| Error::State { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(state)?;
    }
    let temporary = path.with_extension("new");
    std::fs::write(&temporary, text).map_err(state)?;
    std::fs::rename(&temporary, path).map_err(state)
}

fn boot_id() -> Result<String, Error> {
    Ok(crate::sysctl::read("kernel/random/boot_id")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(folder: &Path, cidr: &str) -> Addresses {
        let cidr: Ipv4Net = cidr.parse().unwrap();
        let node = Ipv4Addr::from_bits(cidr.network().to_bits() + 1);
        Addresses::load(folder, cidr, node, 0).unwrap()
    }

    #[test]
    fn reserved_addresses_are_not_given_out() {
        let folder = tempfile::tempdir().unwrap();
        let (cidr, node) = ("10.9.0.0/29".parse().unwrap(), Ipv4Addr::new(10, 9, 0, 1));
        let mut addresses = Addresses::load(folder.path(), cidr, node, 3).unwrap();
        assert_eq!(addresses.hold("a").unwrap(), Ipv4Addr::new(10, 9, 0, 2));
        assert_eq!(addresses.hold("b").unwrap(), Ipv4Addr::new(10, 9, 0, 3));
        assert!(matches!(addresses.hold("c"), Err(Error::Exhausted { .. })));
    }

    #[test]
    fn addresses_are_remembered_rest_after_use_and_run_out() {
        let folder = tempfile::tempdir().unwrap();
        let mut addresses = load(folder.path(), "10.9.0.0/29");
        for (id, last) in [("a", 2), ("b", 3), ("a", 2), ("c", 4)] {
            assert_eq!(addresses.hold(id).unwrap(), Ipv4Addr::new(10, 9, 0, last), "{id}");
        }
        addresses.release("b").unwrap();
        let mut addresses = load(folder.path(), "10.9.0.0/29");
        assert_eq!(addresses.of("c"), Some(Ipv4Addr::new(10, 9, 0, 4)));
        assert_eq!(addresses.of("b"), None);
        for (id, last) in [("d", 5), ("e", 6), ("f", 3)] {
            assert_eq!(addresses.hold(id).unwrap(), Ipv4Addr::new(10, 9, 0, last), "{id}");
        }
        let error = addresses.hold("g").unwrap_err();
        assert!(matches!(error, Error::Exhausted { .. }), "{error}");
        assert!(matches!(addresses.hold("two words"), Err(Error::Id(_))));
        addresses.release("unknown").unwrap();
    }

    #[test]
    fn what_an_earlier_boot_left_counts_as_absent_and_garbage_of_this_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("addresses"), "boot of yore\n10.9.0.2 a\n").unwrap();
        assert_eq!(load(folder.path(), "10.9.0.0/29").ids(), Vec::<String>::new());
        let text = format!("boot {}\nnonsense\n", boot_id().unwrap());
        std::fs::write(folder.path().join("addresses"), text).unwrap();
        let cidr = "10.9.0.0/29".parse().unwrap();
        let error = Addresses::load(folder.path(), cidr, Ipv4Addr::new(10, 9, 0, 1), 0).unwrap_err();
        assert!(error.to_string().contains("nonsense"), "{error}");
    }

    #[test]
    fn the_node_record_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = NodeRecord { device: Some("lw0".to_owned()), ..NodeRecord::default() };
        record.before.insert("net/ipv4/ip_forward".to_owned(), "0".to_owned());
        record.save(folder.path()).unwrap();
        assert_eq!(NodeRecord::load(folder.path()).unwrap(), record);
        remove(folder.path()).unwrap();
        assert_eq!(NodeRecord::load(folder.path()).unwrap(), NodeRecord::default());
    }
}
