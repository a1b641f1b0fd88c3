//! Which devices a container may use. Version 1 has files for it; version 2 wants a small eBPF program.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::{Cgroup, CgroupError, fault};

/// Devices of one kind that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceRule {
    /// Block device; else character device.
    pub(crate) block: bool,
    /// `None`: any.
    pub(crate) major: Option<u32>,
    /// `None`: any.
    pub(crate) minor: Option<u32>,
    /// Any of `r`, `w`, `m`.
    pub(crate) access: String,
}

impl fmt::Display for DeviceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |n: Option<u32>| n.map_or_else(|| "*".to_string(), |n| n.to_string());
        let kind = if self.block { 'b' } else { 'c' };
        write!(f, "{kind} {}:{} {}", number(self.major), number(self.minor), self.access)
    }
}

/// What every container may: make nodes of any device (using them is another matter), the memory devices,
/// random numbers, and terminals.
pub(crate) fn standard_devices() -> Vec<DeviceRule> {
    let rule = |block, major, minor, access: &str| DeviceRule { block, major, minor, access: access.into() };
    let mut rules = vec![rule(false, None, None, "m"), rule(true, None, None, "m")];
    // null, zero, full, random, urandom; tty, console, ptmx; every pts.
    for (major, minor) in [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)] {
        rules.push(rule(false, Some(major), Some(minor), "rwm"));
    }
    rules.push(rule(false, Some(136), None, "rwm"));
    rules
}

/// One eBPF instruction.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Instruction {
    code: u8,
    /// Destination in the low half, source in the high half.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// The program: register 1 points to `{ access << 16 | type, major, minor }`; answers 1 for allowed.
fn program(rules: &[DeviceRule]) -> Vec<Instruction> {
    const LOAD_WORD: u8 = 0x61;
    const MOVE: u8 = 0xbf;
    const MOVE_VALUE: u8 = 0xb7;
    const AND_VALUE: u8 = 0x57;
    const SHIFT_RIGHT: u8 = 0x77;
    const JUMP_NOT_EQUAL: u8 = 0x55;
    const EXIT: u8 = 0x95;
    let step = |code, destination: u8, source: u8, offset, immediate| Instruction {
        code,
        registers: source << 4 | destination,
        offset,
        immediate,
    };
    // r2 type, r3 access, r4 major, r5 minor.
    let mut code = vec![
        step(LOAD_WORD, 2, 1, 0, 0),
        step(MOVE, 3, 2, 0, 0),
        step(AND_VALUE, 2, 0, 0, 0xffff),
        step(SHIFT_RIGHT, 3, 0, 0, 16),
        step(LOAD_WORD, 4, 1, 4, 0),
        step(LOAD_WORD, 5, 1, 8, 0),
    ];
    for rule in rules {
        let bit = |letter, bit| if rule.access.contains(letter) { bit } else { 0 };
        let refused = 7 & !(bit('m', 1) | bit('r', 2) | bit('w', 4));
        let mut tests = vec![step(JUMP_NOT_EQUAL, 2, 0, 0, if rule.block { 1 } else { 2 })];
        if refused != 0 {
            tests.extend([
                step(MOVE, 6, 3, 0, 0),
                step(AND_VALUE, 6, 0, 0, refused),
                step(JUMP_NOT_EQUAL, 6, 0, 0, 0),
            ]);
        }
        tests.extend(rule.major.map(|major| step(JUMP_NOT_EQUAL, 4, 0, 0, major as i32)));
        tests.extend(rule.minor.map(|minor| step(JUMP_NOT_EQUAL, 5, 0, 0, minor as i32)));
        tests.extend([step(MOVE_VALUE, 0, 0, 0, 1), step(EXIT, 0, 0, 0, 0)]);
        let length = tests.len();
        for (at, test) in tests.iter_mut().enumerate().filter(|(_, test)| test.code == JUMP_NOT_EQUAL) {
            test.offset = (length - at - 1) as i16;
        }
        code.extend(tests);
    }
    code.extend([step(MOVE_VALUE, 0, 0, 0, 0), step(EXIT, 0, 0, 0, 0)]);
    code
}

/// Loads the program and attaches it to the group's folder. It lives as long as the group.
pub(super) fn attach(cgroup: &Cgroup, rules: &[DeviceRule]) -> Result<(), CgroupError> {
    let folder = &cgroup.folders["unified"];
    let directory = File::open(folder).map_err(fault(folder, "cannot open"))?;
    let program = load(&program(rules)).map_err(fault(folder, "cannot load the device program"))?;
    attach_program(&directory, &program).map_err(fault(folder, "cannot attach the device program"))
}

fn load(code: &[Instruction]) -> io::Result<OwnedFd> {
    const BPF_PROG_LOAD: libc::c_int = 5;
    const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
    // union bpf_attr, as far as it is used: type, count, instructions, licence.
    #[repr(C)]
    struct Attributes {
        program_type: u32,
        count: u32,
        instructions: u64,
        licence: u64,
        rest: [u64; 13],
    }
    let attributes = Attributes {
        program_type: BPF_PROG_TYPE_CGROUP_DEVICE,
        count: code.len() as u32,
        instructions: code.as_ptr() as u64,
        licence: c"Apache-2.0".as_ptr() as u64,
        rest: [0; 13],
    };
    // SAFETY: the attributes and what they point to outlive the call; the size is theirs.
    let fd = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &attributes as *const Attributes, size_of::<Attributes>())
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just returned this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn attach_program(directory: &File, program: &OwnedFd) -> io::Result<()> {
    const BPF_PROG_ATTACH: libc::c_int = 8;
    const BPF_CGROUP_DEVICE: u32 = 6;
    const BPF_F_ALLOW_MULTI: u32 = 2;
    let attributes: [u32; 4] =
        [directory.as_raw_fd() as u32, program.as_raw_fd() as u32, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI];
    // SAFETY: the attributes outlive the call; the size is theirs.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_PROG_ATTACH, attributes.as_ptr(), size_of_val(&attributes))
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::process::Command;

    use super::*;
    use crate::cgroup::Hierarchies;

    /// A group of its own in the version 2 hierarchy, which every node mounts, be it only for this.
    fn group(name: &str) -> Cgroup {
        assert!(rustix::process::geteuid().is_root(), "this test makes a cgroup: run it as root");
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let unified =
            mounts.lines().find(|line| line.contains(" - cgroup2 ")).expect("no cgroup2 is mounted");
        let mount = unified.split(' ').nth(4).unwrap();
        let path = format!("{mount}/lwtest-{name}-{}", std::process::id());
        std::fs::create_dir(&path).unwrap();
        Cgroup { version: 2, folders: BTreeMap::from([("unified".into(), path.into())]) }
    }

    #[test]
    fn the_device_program_allows_what_is_listed() {
        let group = group("devices");
        group.allow_devices(&standard_devices()).unwrap();
        let readable = DeviceRule { block: false, major: Some(1), minor: Some(5), access: "r".into() };
        let strict = self::group("strict");
        strict.allow_devices(&[readable]).unwrap();
        let script = "echo $$ > \"$0/cgroup.procs\" && head -c1 /dev/$1 >&2 && echo read; (echo > /dev/$1) && echo wrote";
        let try_it = |group: &Cgroup, device: &str| {
            let folder = &group.folders["unified"];
            let output = Command::new("sh").args(["-c", script]).arg(folder).arg(device).output().unwrap();
            String::from_utf8(output.stdout).unwrap().replace('\n', " ")
        };
        // The memory device is in nobody's list; the other is in one with, in one without writing.
        let results = [try_it(&group, "zero"), try_it(&group, "kmsg"), try_it(&strict, "zero")];
        let removed = [group.remove(), strict.remove()];
        assert_eq!(results, ["read wrote ", "", "read "]);
        assert!(removed.iter().all(Result::is_ok), "{removed:?}");
    }

    #[test]
    fn a_version_2_group_is_killed_and_removed_whole() {
        let group = group("kill");
        let child = group.child("inner", false).unwrap();
        let folder = child.folders["unified"].join("cgroup.procs");
        let script = "echo $$ > \"$0\" && (setsid sleep 1000 &) ; sleep 1000";
        let mut process = Command::new("sh").args(["-c", script]).arg(folder).spawn().unwrap();
        while group.processes().len() < 3 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(matches!(Hierarchies::detect(), Some(Hierarchies::V1(_) | Hierarchies::V2(_))));
        group.kill();
        assert!(!process.wait().unwrap().success());
        group.remove().unwrap();
        assert!(!group.folders["unified"].exists());
    }
}
