//! The name server as a program of its own, as the product's binary is one when its first argument is `names`.

fn main() -> std::process::ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(2).collect();
    proxy::dns::main(&arguments)
}
