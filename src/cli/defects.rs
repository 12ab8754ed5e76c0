//! What is said where the program itself is at fault.

use std::panic::{PanicHookInfo, set_hook, take_hook};

use super::output;
use crate::data::guard::{defect, message};
use crate::data::names::shown;

/// From now on an unexpected panic is one sentence on stderr; those who set `RUST_BACKTRACE` see the rest too. A panic that
/// becomes an error is told as that error, and not twice.
pub(super) fn tell() {
    let trace = take_hook();
    set_hook(Box::new(move |panic| {
        if crate::gpu::is_waiting() {
            return;
        }
        output::problem(sentence(panic));
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|wanted| wanted != "0") {
            trace(panic);
        }
    }));
}

fn sentence(panic: &PanicHookInfo) -> String {
    let place = panic.location().map_or(String::new(), |place| format!(" ({}:{})", place.file(), place.line()));
    shown(&format!("{}{place}", defect(&message(panic.payload()))))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    /// Run by the test below in a process of its own.
    #[test]
    #[ignore = "its output is what the next test looks at"]
    fn panics() {
        super::tell();
        let caught = crate::data::guard::caught(|| panic!("told elsewhere"));
        assert_eq!(caught, Err::<(), _>("told elsewhere".to_string()));
        let on_a_thread = std::thread::spawn(|| panic!("not\n\u{1b}foreseen")).join();
        assert!(on_a_thread.is_err());
    }

    #[test]
    fn an_unexpected_panic_is_one_sentence() {
        let mut again = harness::alone(concat!(module_path!(), "::panics"));
        again.env_remove("RUST_BACKTRACE");
        let said = |again: &mut Command| {
            let output = again.output().expect("it runs again");
            assert!(output.status.success(), "{output:?}");
            String::from_utf8_lossy(&output.stderr).into_owned()
        };
        let text = said(&mut again);
        let [line] = text.lines().collect::<Vec<_>>()[..] else { panic!("one line: {text}") };
        assert!(line.starts_with("error: this is a defect of papilla ") && line.contains("please report it"), "{line}");
        assert!(line.contains(": not \\u{1b}foreseen (src/cli/defects.rs:"), "{line}");
        assert!(said(again.env("RUST_BACKTRACE", "1")).contains("stack backtrace"));
    }
}
