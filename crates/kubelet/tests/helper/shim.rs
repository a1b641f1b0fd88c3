//! The shim as a program of its own, as the product's binary is one when its first argument is `shim`.

fn main() -> std::process::ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(2).collect();
    runtime::shim_main(&arguments)
}
