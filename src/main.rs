//! The `papilla` program: see `papilla::cli`.

fn main() -> std::process::ExitCode {
    without_device_selection();
    papilla::cli::main()
}

/// Mesa's layer that moves the desktop's adapter to the front asks the Wayland server for it, and where there is none that
/// library writes to the terminal. `papilla` orders adapters itself.
fn without_device_selection() {
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: no other thread runs yet.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
