//! Who the process becomes: user and groups from the container's own files, capabilities, resource limit names.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;

use super::{Named, Step};
use crate::capability::Sets;
use crate::spec::User;
use crate::sys;

/// A resolved user.
pub(super) struct Identity {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) groups: Vec<u32>,
    pub(super) home: String,
}

/// One line of `/etc/passwd`, as far as it is used.
struct Account {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
}

/// Resolves `user` with the files of the root that this process is in. Numbers need no file.
pub(super) fn resolve(user: &User) -> Step<Identity> {
    let (wanted, wanted_group) = match user.user.split_once(':') {
        Some((name, group)) => (name, Some(group)),
        None => (user.user.as_str(), None),
    };
    let wanted = if wanted.is_empty() { "0" } else { wanted };
    let passwd = read("/etc/passwd");
    let mut accounts = passwd.lines().filter_map(account);
    let number: Option<u32> = wanted.parse().ok();
    // As a number it need not be listed; as a name it must.
    let account = match number {
        Some(uid) => accounts.find(|a| a.uid == uid),
        None => accounts.find(|a| a.name == wanted),
    };
    let uid = account
        .as_ref()
        .map(|a| a.uid)
        .or(number)
        .ok_or_else(|| format!("user {wanted:?} is not in the container's /etc/passwd"))?;

    let group_file = read("/etc/group");
    let gid = match (user.group, wanted_group) {
        (Some(gid), _) => gid,
        (None, Some(name)) if !name.is_empty() => match name.parse() {
            Ok(gid) => gid,
            Err(_) => group_file
                .lines()
                .filter_map(group)
                .find(|(listed, ..)| *listed == name)
                .map(|(_, gid, _)| gid)
                .ok_or_else(|| format!("group {name:?} is not in the container's /etc/group"))?,
        },
        _ => account.as_ref().map_or(0, |a| a.gid),
    };
    let mut groups = user.groups.clone();
    if let Some(account) = account.as_ref().filter(|_| !user.strict_groups) {
        let member = |members: &str| members.split(',').any(|m| m == account.name);
        groups
            .extend(group_file.lines().filter_map(group).filter(|(.., m)| member(m)).map(|(_, gid, _)| gid));
    }
    // Without it a program that runs with another primary group would lose what its group may.
    groups.push(gid);
    groups.sort_unstable();
    groups.dedup();
    let home = account.map(|a| a.home).filter(|home| !home.is_empty()).unwrap_or_else(|| "/".into());
    Ok(Identity { uid, gid, groups, home })
}

/// A file of the container's, which may be anything: a device without end, a pipe that nobody writes to.
fn read(path: &str) -> String {
    const LONGEST: u64 = 4 << 20;
    let open = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    let Some(file) = open.ok().filter(|file| file.metadata().is_ok_and(|found| found.is_file())) else {
        return String::new();
    };
    let mut bytes = Vec::new();
    // What could be read counts.
    let _ = file.take(LONGEST).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn account(line: &str) -> Option<Account> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, _, home, ..] = fields[..] else { return None };
    Some(Account { name: name.into(), uid: uid.parse().ok()?, gid: gid.parse().ok()?, home: home.into() })
}

fn group(line: &str) -> Option<(&str, u32, &str)> {
    let mut fields = line.split(':');
    let (name, gid) = (fields.next()?, fields.nth(1)?.parse().ok()?);
    Some((name, gid, fields.next().unwrap_or_default()))
}

/// Drops everything but `granted` from the bounding set.
pub(super) fn limit_bounding(granted: u64) -> Step<()> {
    for capability in 0..64 {
        if granted & (1 << capability) == 0
            && let Err(error) = sys::prctl(libc::PR_CAPBSET_DROP, capability, 0)
        {
            // The first number that the kernel does not know ends the list.
            if error.raw_os_error() == Some(libc::EINVAL) {
                break;
            }
            return Err(error).step(|| format!("cannot drop capability {capability}"));
        }
    }
    Ok(())
}

/// Becomes the user and keeps exactly the capabilities of `sets`.
pub(super) fn assume(user: &Identity, sets: Sets) -> Step<()> {
    const PR_CAP_AMBIENT_RAISE: u64 = 2;
    sys::prctl(libc::PR_SET_KEEPCAPS, 1, 0).step(|| "cannot keep capabilities".into())?;
    sys::become_user(user.uid, user.gid, &user.groups)
        .step(|| format!("cannot become user {} and group {}", user.uid, user.gid))?;
    sys::capset(sets.granted, sets.granted, sets.ambient).step(|| "cannot set capabilities".into())?;
    for capability in (0..64).filter(|capability| sets.ambient & (1 << capability) != 0) {
        sys::prctl(libc::PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)
            .step(|| format!("cannot make capability {capability} ambient"))?;
    }
    Ok(())
}

/// Number of a resource limit by its name.
pub(super) fn rlimit(name: &str) -> Option<u32> {
    Some(match name.strip_prefix("RLIMIT_").unwrap_or(name) {
        "CPU" => libc::RLIMIT_CPU,
        "FSIZE" => libc::RLIMIT_FSIZE,
        "DATA" => libc::RLIMIT_DATA,
        "STACK" => libc::RLIMIT_STACK,
        "CORE" => libc::RLIMIT_CORE,
        "RSS" => libc::RLIMIT_RSS,
        "NPROC" => libc::RLIMIT_NPROC,
        "NOFILE" => libc::RLIMIT_NOFILE,
        "MEMLOCK" => libc::RLIMIT_MEMLOCK,
        "AS" => libc::RLIMIT_AS,
        "LOCKS" => libc::RLIMIT_LOCKS,
        "SIGPENDING" => libc::RLIMIT_SIGPENDING,
        "MSGQUEUE" => libc::RLIMIT_MSGQUEUE,
        "NICE" => libc::RLIMIT_NICE,
        "RTPRIO" => libc::RLIMIT_RTPRIO,
        "RTTIME" => libc::RLIMIT_RTTIME,
        _ => return None,
    })
}
