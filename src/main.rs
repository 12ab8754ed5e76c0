//! The `papilla` program: see `papilla::cli`.

fn main() -> std::process::ExitCode {
    papilla::cli::main()
}
