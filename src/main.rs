//! The `papilla` program: see `papilla::cli`.

fn main() -> std::process::ExitCode {
    // SAFETY: no other thread runs yet.
    unsafe { papilla::gpu::without_device_selection() };
    papilla::cli::main(std::env::args_os().collect())
}
