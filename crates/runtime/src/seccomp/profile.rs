//! The built-in default profile: an allow list. What is not listed answers EPERM, what is newer than the
//! list ENOSYS (so that a C library falls back to the older call).
//!
//! The same calls as the usual default of container runtimes: nothing that needs a capability the container
//! has not, no key rings, no io_uring, no vsock sockets, no new namespaces.

use super::{Action, Condition, Operator, Profile, Rule};
use crate::capability;

/// Allowed to everybody.
const ALWAYS: &str = "\
     accept accept4 access adjtimex alarm arch_prctl bind brk cachestat capget capset chdir chmod \
     chown clock_adjtime clock_getres clock_gettime clock_nanosleep close close_range connect \
     copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old \
     epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit \
     exit_group faccessat faccessat2 fadvise64 fallocate fanotify_mark fchdir fchmod fchmodat \
     fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork fremovexattr \
     fsetxattr fstat fstatfs fsync ftruncate futex futex_requeue futex_wait futex_waitv futex_wake \
     futimesat get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid \
     getgid getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom \
     getresgid getresuid getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday \
     getuid getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch \
     io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit ioctl ioprio_get ioprio_set \
     kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr link \
     linkat listen listxattr listxattrat llistxattr lremovexattr lseek lsetxattr lstat madvise \
     map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat \
     mlock mlock2 mlockall mmap modify_ldt mprotect mq_getsetattr mq_notify mq_open mq_timedreceive \
     mq_timedsend mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall \
     munmap name_to_handle_at nanosleep newfstatat open openat openat2 pause pidfd_open \
     pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 \
     preadv preadv2 prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6 ptrace \
     pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg \
     remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall rmdir \
     rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend \
     rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min \
     sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval \
     sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select \
     semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto set_robust_list \
     set_thread_area set_tid_address setfsgid setfsuid setgid setgroups setitimer setpgid \
     setpriority setregid setresgid setresuid setreuid setrlimit setsid setsockopt setuid setxattr \
     setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 socketpair splice \
     stat statfs statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time \
     timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create \
     timerfd_gettime timerfd_settime times tkill truncate umask uname unlink unlinkat uretprobe \
     utime utimensat utimes vfork vmsplice wait4 waitid write writev";

/// Allowed to those who hold the capability.
const WITH_CAPABILITY: [(&str, &str); 14] = [
    ("DAC_READ_SEARCH", "open_by_handle_at"),
    (
        "SYS_ADMIN",
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick listmount lookup_dcookie mount \
         mount_setattr move_mount open_tree open_tree_attr perf_event_open pivot_root quotactl quotactl_fd \
         setdomainname sethostname setns statmount syslog umount umount2 unshare",
    ),
    ("SYS_BOOT", "reboot"),
    ("SYS_CHROOT", "chroot"),
    ("SYS_MODULE", "delete_module finit_module init_module"),
    ("SYS_PACCT", "acct"),
    ("SYS_PTRACE", "kcmp pidfd_getfd process_madvise"),
    ("SYS_RAWIO", "ioperm iopl"),
    ("SYS_TIME", "clock_settime settimeofday"),
    ("SYS_TTY_CONFIG", "vhangup"),
    ("SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    ("SYSLOG", "syslog"),
    ("BPF", "bpf"),
    ("PERFMON", "perf_event_open"),
];

/// `clone` flags that make namespaces (`CLONE_NEW*`).
const NAMESPACE_FLAGS: u64 = 0x7e02_0000;

/// The default profile for a process that holds the capabilities `granted`.
pub(super) fn default(granted: u64) -> Profile {
    let mut rules = Vec::with_capacity(400);
    let mut allow = |names: &str| {
        rules.extend(names.split_ascii_whitespace().filter_map(|n| Rule::plain(n, Action::Allow)))
    };
    // chroot and friends are in both lists where the capability is common: the rules below only add.
    allow(ALWAYS);
    for (name, calls) in WITH_CAPABILITY {
        if capability::holds(granted, name) {
            allow(calls);
        }
    }
    let mut when = |name: &str, operator: Operator, value: u64| {
        let condition = Condition { argument: 0, operator, value };
        rules.extend(Rule::conditional(name, Action::Allow, vec![condition]));
    };
    const PERSONALITIES: [u64; 5] = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];
    for value in PERSONALITIES {
        when("personality", Operator::Equal, value);
    }
    when("socket", Operator::NotEqual, libc::AF_VSOCK as u64);
    if !capability::holds(granted, "SYS_ADMIN") {
        when("clone", Operator::MaskedEqual(NAMESPACE_FLAGS), 0);
        // Its flags are behind a pointer that a filter cannot follow: the C library falls back to clone.
        rules.extend(Rule::plain("clone3", Action::Errno(libc::ENOSYS as u16)));
    }
    Profile { default: Action::Errno(libc::EPERM as u16), rules }
}
