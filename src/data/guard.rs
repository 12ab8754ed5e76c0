//! A panic about one file, in a decoder from elsewhere or in what is made of its pixels, is an error of that file alone.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// Whether a panic on this thread is caught and told as an error.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// What `work` on one file returns, or what it panicked about; a panic is not printed. Nothing that outlives the file may
/// be changed in the midst of such work.
///
/// # Errors
/// The panic's message, in one line.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    keep_quiet();
    // A thread of rayon's that waits within a decoder may begin another file.
    let before = CAUGHT.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    CAUGHT.set(before);
    outcome.map_err(|payload| message(&*payload))
}

/// What is said of a panic, by its message: nobody but the program is to blame.
pub fn defect(message: &str) -> String {
    format!("this is a defect of papilla {}, please report it: {message}", env!("CARGO_PKG_VERSION"))
}

fn keep_quiet() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !CAUGHT.get() {
                tell(panic);
            }
        }));
    });
}

/// What a panic says, in one line.
pub fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run by the test below in a process of its own.
    #[test]
    #[ignore = "its output is what the next test looks at"]
    fn panics_inside_and_outside() {
        let caught = caught(|| panic!("a bug in\n a decoder"));
        assert_eq!(caught, Err::<(), _>("a bug in a decoder".to_string()));
        let outside = catch_unwind(|| panic!("told as ever"));
        assert!(outside.is_err());
    }

    #[test]
    fn a_caught_panic_is_an_error_that_prints_nothing() {
        let mut again = harness::alone(concat!(module_path!(), "::panics_inside_and_outside"));
        let output = again.output().expect("it runs again");
        let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        assert!(text.contains("told as ever") && !text.contains("a bug in"), "{text}");
    }
}
