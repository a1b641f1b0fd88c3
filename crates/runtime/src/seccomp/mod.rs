//! System call filters: profiles compiled to classic BPF by a small compiler of our own.
//!
//! The program first refuses every foreign architecture (the process is killed: compatibility calls would
//! get around the numbers), then finds the call's number by binary search over ranges that share an
//! outcome: some 150 instructions for the default profile, about eight of them run per call. Compiling takes
//! microseconds; results are cached by the shim.

mod json;
mod profile;
mod syscalls;

use std::collections::BTreeMap;

use crate::spec::Seccomp;
use crate::sys::Instruction;

pub(crate) use json::ProfileError;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Allow,
    Errno(u16),
    Log,
    Trap,
    KillThread,
    KillProcess,
}

/// How an argument is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// Equal after masking the argument.
    MaskedEqual(u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    argument: u8,
    operator: Operator,
    value: u64,
}

/// An action for one call, if all conditions hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    number: u32,
    action: Action,
    conditions: Vec<Condition>,
}

#[derive(Debug, PartialEq, Eq)]
struct Profile {
    default: Action,
    rules: Vec<Rule>,
}

impl Rule {
    /// A rule without conditions; `None` when this architecture has no such call.
    fn plain(name: &str, action: Action) -> Option<Rule> {
        Self::conditional(name, action, Vec::new())
    }

    fn conditional(name: &str, action: Action, conditions: Vec<Condition>) -> Option<Rule> {
        Some(Rule { number: number(name)?, action, conditions })
    }
}

/// Number of a call on this architecture.
fn number(name: &str) -> Option<u32> {
    let at = syscalls::TABLE.binary_search_by(|entry| entry.0.cmp(name)).ok()?;
    let (_, x86_64, aarch64) = syscalls::TABLE[at];
    let number = if cfg!(target_arch = "x86_64") { x86_64 } else { aarch64 };
    (number != syscalls::NONE).then_some(number.into())
}

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// First number of the x32 variant of x86_64; no call of the native one is above.
const X32: u32 = 0x4000_0000;

/// The filter for a container that holds the capabilities `granted`; `None` for none.
pub(crate) fn filter(wanted: &Seccomp, granted: u64) -> Result<Option<Vec<Instruction>>, ProfileError> {
    Ok(match wanted {
        Seccomp::Unconfined => None,
        Seccomp::Default => Some(compile(&profile::default(granted))),
        Seccomp::Profile(text) => Some(compile(&json::parse(text, granted)?)),
    })
}

// === compiler ===

/// What a number leads to: rules in the order in which they are tried, then an action.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    rules: Vec<Rule>,
    otherwise: Action,
}

fn compile(profile: &Profile) -> Vec<Instruction> {
    // A call that the table does not know is newer than it: a deny list lets it pass, an allow list says
    // that the kernel has no such thing.
    let newer = match profile.default {
        Action::Allow | Action::Log => profile.default,
        _ => Action::Errno(libc::ENOSYS as u16),
    };
    let mut by_number: BTreeMap<u32, Outcome> = BTreeMap::new();
    for rule in &profile.rules {
        let outcome = by_number
            .entry(rule.number)
            .or_insert_with(|| Outcome { rules: Vec::new(), otherwise: profile.default });
        if rule.conditions.is_empty() {
            outcome.otherwise = rule.action;
        } else {
            outcome.rules.push(rule.clone());
        }
    }
    let simple = |action| Outcome { rules: Vec::new(), otherwise: action };
    let mut ranges: Vec<(u32, Outcome)> = Vec::new();
    let mut push = |start: u32, outcome: Outcome| match ranges.last() {
        Some((_, last)) if *last == outcome => {}
        _ => ranges.push((start, outcome)),
    };
    for number in 0..=syscalls::NEWEST {
        push(number, by_number.get(&number).cloned().unwrap_or_else(|| simple(profile.default)));
    }
    push(syscalls::NEWEST + 1, simple(newer));
    push(X32, simple(Action::Errno(libc::ENOSYS as u16)));

    let mut program =
        vec![load(4), jump(libc::BPF_JEQ, ARCHITECTURE, 1, 0), give(Action::KillProcess), load(0)];
    program.extend(search(&ranges));
    program
}

/// Binary search over `ranges`; the number is in the accumulator.
fn search(ranges: &[(u32, Outcome)]) -> Vec<Instruction> {
    if let [(_, outcome)] = ranges {
        let mut code: Vec<Instruction> = outcome.rules.iter().flat_map(rule_code).collect();
        code.push(give(outcome.otherwise));
        return code;
    }
    let (low, high) = ranges.split_at(ranges.len() / 2);
    let (low_code, high_code) = (search(low), search(high));
    let mut code = Vec::with_capacity(2 + low_code.len() + high_code.len());
    // Conditional jumps reach 255 instructions, plain ones any distance.
    match u8::try_from(low_code.len()) {
        Ok(distance) => code.push(jump(libc::BPF_JGE, high[0].0, distance, 0)),
        Err(_) => {
            code.push(jump(libc::BPF_JGE, high[0].0, 0, 1));
            code.push(statement(libc::BPF_JMP | libc::BPF_JA, low_code.len() as u32));
        }
    }
    code.extend(low_code);
    code.extend(high_code);
    code
}

/// Where a comparison goes on.
#[derive(Clone, Copy)]
enum Go {
    /// With the next instruction.
    On,
    /// Over this many instructions.
    Over(u8),
    /// Behind the rule: it does not match.
    Fail,
}

/// One rule: its comparisons, then its action; falls out at the end when it does not match.
fn rule_code(rule: &Rule) -> Vec<Instruction> {
    let mut code: Vec<(Instruction, Go, Go)> = Vec::new();
    for condition in &rule.conditions {
        let offset = 16 + 8 * u32::from(condition.argument);
        let (low, high) = (condition.value as u32, (condition.value >> 32) as u32);
        let compare = |code, value, yes, no| (jump(code, value, 0, 0), yes, no);
        let read = |at| (load(at), Go::On, Go::On);
        let and = |mask| (statement(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, mask), Go::On, Go::On);
        let (eq, gt, ge) = (libc::BPF_JEQ, libc::BPF_JGT, libc::BPF_JGE);
        code.push(read(offset + 4));
        match condition.operator {
            Operator::Equal => {
                code.extend([
                    compare(eq, high, Go::On, Go::Fail),
                    read(offset),
                    compare(eq, low, Go::On, Go::Fail),
                ]);
            }
            Operator::NotEqual => {
                code.extend([
                    compare(eq, high, Go::On, Go::Over(2)),
                    read(offset),
                    compare(eq, low, Go::Fail, Go::On),
                ]);
            }
            Operator::MaskedEqual(mask) => {
                code.extend([
                    and((mask >> 32) as u32),
                    compare(eq, high, Go::On, Go::Fail),
                    read(offset),
                    and(mask as u32),
                    compare(eq, low, Go::On, Go::Fail),
                ]);
            }
            Operator::Greater | Operator::GreaterOrEqual => {
                let test = if condition.operator == Operator::Greater { gt } else { ge };
                code.extend([
                    compare(gt, high, Go::Over(3), Go::On),
                    compare(eq, high, Go::On, Go::Fail),
                    read(offset),
                    compare(test, low, Go::On, Go::Fail),
                ]);
            }
            Operator::Less | Operator::LessOrEqual => {
                let test = if condition.operator == Operator::Less { ge } else { gt };
                code.extend([
                    compare(gt, high, Go::Fail, Go::On),
                    compare(eq, high, Go::On, Go::Over(2)),
                    read(offset),
                    compare(test, low, Go::Fail, Go::On),
                ]);
            }
        }
    }
    let length = code.len() + 1;
    let mut resolved: Vec<Instruction> = code
        .into_iter()
        .enumerate()
        .map(|(at, (mut instruction, yes, no))| {
            let distance = |go| match go {
                Go::On => 0,
                Go::Over(count) => count,
                Go::Fail => (length - at - 1) as u8,
            };
            if instruction.code & 7 == libc::BPF_JMP as u16 {
                (instruction.jump_true, instruction.jump_false) = (distance(yes), distance(no));
            }
            instruction
        })
        .collect();
    resolved.push(give(rule.action));
    resolved
}

fn statement(code: u32, k: u32) -> Instruction {
    Instruction { code: code as u16, jump_true: 0, jump_false: 0, k }
}

fn jump(test: u32, k: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction { code: (libc::BPF_JMP | test | libc::BPF_K) as u16, jump_true, jump_false, k }
}

/// Loads a word of `struct seccomp_data`: number at 0, architecture at 4, arguments from 16 on.
fn load(offset: u32) -> Instruction {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn give(action: Action) -> Instruction {
    let value = match action {
        Action::Allow => libc::SECCOMP_RET_ALLOW,
        Action::Errno(errno) => libc::SECCOMP_RET_ERRNO | u32::from(errno),
        Action::Log => libc::SECCOMP_RET_LOG,
        Action::Trap => libc::SECCOMP_RET_TRAP,
        Action::KillThread => libc::SECCOMP_RET_KILL_THREAD,
        Action::KillProcess => libc::SECCOMP_RET_KILL_PROCESS,
    };
    statement(libc::BPF_RET | libc::BPF_K, value)
}

#[cfg(test)]
mod tests;
