//! The compiler's output run by a small BPF machine, against the profile read directly.

use super::*;

/// Runs a filter on a call, as the kernel would.
fn run(program: &[Instruction], architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let word = |offset: u32| match offset {
        0 => number,
        4 => architecture,
        _ => {
            let argument = arguments[(offset as usize - 16) / 8];
            if offset.is_multiple_of(8) { argument as u32 } else { (argument >> 32) as u32 }
        }
    };
    let (mut at, mut accumulator) = (0, 0);
    loop {
        let i = program[at];
        at += 1;
        let branch = |taken: bool| usize::from(if taken { i.jump_true } else { i.jump_false });
        match u32::from(i.code) {
            0x20 => accumulator = word(i.k),
            0x54 => accumulator &= i.k,
            0x05 => at += i.k as usize,
            0x15 => at += branch(accumulator == i.k),
            0x25 => at += branch(accumulator > i.k),
            0x35 => at += branch(accumulator >= i.k),
            0x06 => return i.k,
            code => panic!("instruction {code:#x}"),
        }
    }
}

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
fn errno(number: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | number as u32
}

#[test]
fn table_is_sorted() {
    assert!(syscalls::TABLE.is_sorted_by(|a, b| a.0 < b.0));
}

#[test]
fn default_profile_allows_and_denies() {
    let program = filter(&Seccomp::Default, 0xa804_25fb).unwrap().unwrap();
    assert!(program.len() < 400, "{} instructions", program.len());
    let call = |name: &str, argument: u64| {
        run(&program, ARCHITECTURE, number(name).unwrap(), [argument, 0, 0, 0, 0, 0])
    };
    for name in ["read", "execve", "openat", "futex", "chroot", "fchmodat2", "exit_group", "epoll_pwait"] {
        assert_eq!(call(name, 0), ALLOW, "{name}");
    }
    for name in
        ["mount", "unshare", "setns", "bpf", "keyctl", "io_uring_setup", "reboot", "init_module", "ptrace"]
    {
        let expected = if name == "ptrace" { ALLOW } else { errno(libc::EPERM) };
        assert_eq!(call(name, 0), expected, "{name}");
    }
    assert_eq!(call("clone3", 0), errno(libc::ENOSYS));
    assert_eq!(call("clone", libc::SIGCHLD as u64), ALLOW);
    assert_eq!(call("clone", libc::CLONE_NEWUSER as u64), errno(libc::EPERM));
    assert_eq!(call("personality", 8), ALLOW);
    assert_eq!(call("personality", 0x40), errno(libc::EPERM));
    assert_eq!(call("personality", 0xffff_ffff), ALLOW);
    assert_eq!(call("socket", 2), ALLOW);
    assert_eq!(call("socket", 40), errno(libc::EPERM));
    assert_eq!(run(&program, ARCHITECTURE, 5000, [0; 6]), errno(libc::ENOSYS));
    assert_eq!(run(&program, ARCHITECTURE, X32 + 1, [0; 6]), errno(libc::ENOSYS));
    assert_eq!(run(&program, 0x4000_0003, 4, [0; 6]), libc::SECCOMP_RET_KILL_PROCESS);
    let admin = filter(&Seccomp::Default, 1 << 21).unwrap().unwrap();
    for name in ["mount", "clone3", "setns"] {
        assert_eq!(run(&admin, ARCHITECTURE, number(name).unwrap(), [0; 6]), ALLOW, "{name}");
    }
    assert_eq!(run(&admin, ARCHITECTURE, number("chroot").unwrap(), [0; 6]), errno(libc::EPERM));
}

#[test]
fn every_comparison_is_exact() {
    let values = [0, 1, 7, 8, 9, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0008, 0x2_0000_0008, u64::MAX];
    let operators = [
        Operator::Equal,
        Operator::NotEqual,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
        Operator::MaskedEqual(0x1_0000_000f),
    ];
    for operator in operators {
        for value in values {
            let condition = Condition { argument: 3, operator, value };
            let rule = Rule { number: 10, action: Action::Allow, conditions: vec![condition] };
            let program = compile(&Profile { default: Action::Errno(1), rules: vec![rule] });
            for argument in values {
                let holds = match operator {
                    Operator::Equal => argument == value,
                    Operator::NotEqual => argument != value,
                    Operator::Less => argument < value,
                    Operator::LessOrEqual => argument <= value,
                    Operator::Greater => argument > value,
                    Operator::GreaterOrEqual => argument >= value,
                    Operator::MaskedEqual(mask) => argument & mask == value,
                };
                let got = run(&program, ARCHITECTURE, 10, [0, 0, 0, argument, 0, 0]);
                assert_eq!(
                    got,
                    if holds { ALLOW } else { errno(1) },
                    "{argument:#x} {operator:?} {value:#x}"
                );
            }
        }
    }
}

#[test]
fn far_jumps_are_right() {
    // Alternating outcomes give one range per number: the longest program there can be.
    let name = |n: u32| Rule { number: n, action: Action::Errno(n as u16), conditions: Vec::new() };
    let rules: Vec<Rule> = (0..=syscalls::NEWEST).map(name).collect();
    let program = compile(&Profile { default: Action::Allow, rules });
    for n in 0..=syscalls::NEWEST {
        assert_eq!(run(&program, ARCHITECTURE, n, [0; 6]), errno(n as i32));
    }
}

#[test]
fn profiles_are_read_and_faults_named() {
    let text = r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],"syscalls":[
        {"names":["mkdir","nosuchcall"],"action":"SCMP_ACT_ERRNO","errnoRet":13},
        {"names":["mkdirat"],"action":"SCMP_ACT_ERRNO","args":[{"index":2,"value":448,"op":"SCMP_CMP_EQ"}]},
        {"names":["chdir"],"action":"SCMP_ACT_KILL_PROCESS","excludes":{"caps":["CAP_SYS_ADMIN"]}}]}"#;
    let program = filter(&Seccomp::Profile(text.into()), 0).unwrap().unwrap();
    let call =
        |name: &str, third: u64| run(&program, ARCHITECTURE, number(name).unwrap(), [0, 0, third, 0, 0, 0]);
    assert_eq!(call("mkdirat", 448), errno(1));
    assert_eq!(call("mkdirat", 449), ALLOW);
    assert_eq!(call("chdir", 0), libc::SECCOMP_RET_KILL_PROCESS);
    assert_eq!(call("getpid", 0), ALLOW);
    assert_eq!(run(&program, ARCHITECTURE, 5000, [0; 6]), ALLOW);
    let fault = |text: &str| filter(&Seccomp::Profile(text.into()), 0).unwrap_err().to_string();
    assert!(fault("{}").contains("defaultAction"));
    assert!(fault(r#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#).contains("SCMP_ACT_NOTIFY"));
}
