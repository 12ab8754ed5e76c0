//! Names of classes and functions beyond those that tensors are made of: which are harmless, and which are refused.
//!
//! Nothing is ever looked up or executed, whatever its name. A harmless name becomes an object that holds nothing; one that
//! reaches for the system, or calls a function, has no business in a file of weights, and the file is refused.

use std::fmt;
use std::sync::Arc;

/// A class or a function by its module and its name there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassName {
    pub(super) module: Arc<str>,
    pub(super) name: Arc<str>,
}

/// Modules that reach the system, run code, or read files and networks.
const REFUSED: [&str; 46] = [
    "_ctypes",
    "_pickle",
    "_posixsubprocess",
    "_thread",
    "ast",
    "asyncio",
    "atexit",
    "bdb",
    "cPickle",
    "cProfile",
    "code",
    "codeop",
    "commands",
    "ctypes",
    "dill",
    "distutils",
    "ftplib",
    "http",
    "imp",
    "importlib",
    "inspect",
    "joblib",
    "marshal",
    "mmap",
    "multiprocessing",
    "nt",
    "os",
    "pdb",
    "pickle",
    "pip",
    "posix",
    "profile",
    "pty",
    "requests",
    "runpy",
    "shutil",
    "signal",
    "smtplib",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
    "timeit",
    "types",
    "urllib",
    "webbrowser",
];

/// Python's own names, under both of its names for their module.
const BUILTINS: [&str; 2] = ["builtins", "__builtin__"];
/// Those of them that make plain objects.
const PLAIN: [&str; 16] = [
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "object",
    "range",
    "set",
    "slice",
    "str",
    "tuple",
    "xrange",
];
/// With which some versions of Python store members of enumerations.
const GETATTR: &str = "getattr";

/// Functions, and classes with names like functions, that make plain objects.
const MAKERS: [(&str, &str); 17] = [
    ("collections", "deque"),
    ("copy_reg", "_reconstructor"),
    ("copyreg", "_reconstructor"),
    ("datetime", "date"),
    ("datetime", "datetime"),
    ("datetime", "time"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
    ("functools", "partial"),
    ("logging", "getLogger"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.random._pickle", "__bit_generator_ctor"),
    ("numpy.random._pickle", "__generator_ctor"),
    ("numpy.random._pickle", "__randomstate_ctor"),
    ("types", "SimpleNamespace"),
];

impl ClassName {
    /// Whether a file of weights may name it.
    pub(super) fn is_harmless(&self) -> bool {
        if BUILTINS.contains(&&*self.module) {
            return PLAIN.contains(&&*self.name) || *self.name == *GETATTR;
        }
        let root = self.module.split('.').next().unwrap_or_default();
        // A name with a dot reaches into a class for a function.
        let reaches = self.name.contains('.') || REFUSED.contains(&root);
        !reaches || self.is_maker()
    }

    /// Whether it may be called: a class by its name, or one of the makers.
    pub(super) fn makes_plain_objects(&self) -> bool {
        let is_class = self.name.trim_start_matches('_').starts_with(char::is_uppercase);
        let is_plain = BUILTINS.contains(&&*self.module) && PLAIN.contains(&&*self.name);
        is_class || is_plain || self.is_maker()
    }

    fn is_maker(&self) -> bool {
        MAKERS.contains(&(&*self.module, &*self.name))
    }

    /// Whether both are the same text in memory, not copies.
    #[cfg(test)]
    pub(super) fn shares_text_with(&self, other: &ClassName) -> bool {
        Arc::ptr_eq(&self.module, &other.module) && Arc::ptr_eq(&self.name, &other.name)
    }

    /// Whether calling it makes an object of the class that is its first argument.
    pub(super) fn is_constructor(&self) -> bool {
        matches!(&*self.name, "_reconstruct" | "_reconstructor")
    }

    /// Whether calling it gets an attribute of its first argument.
    pub(super) fn is_getattr(&self) -> bool {
        BUILTINS.contains(&&*self.module) && *self.name == *GETATTR
    }
}

impl fmt::Display for ClassName {
    /// As Python names it; control characters do not reach a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.module.escape_debug(), self.name.escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(module: &str, name: &str) -> ClassName {
        ClassName { module: module.into(), name: name.into() }
    }

    #[test]
    fn classes_are_harmless_and_functions_are_not() {
        for (module, name) in [("argparse", "Namespace"), ("__main__", "_Mode"), ("builtins", "set")] {
            assert!(class(module, name).is_harmless() && class(module, name).makes_plain_objects(), "{module}.{name}");
        }
        // May be named, as a dictionary's factory for example, and not called.
        for (module, name) in [("__main__", "poly_lr"), ("torch", "float32"), ("torch.hub", "load")] {
            assert!(class(module, name).is_harmless() && !class(module, name).makes_plain_objects(), "{module}.{name}");
        }
        for (module, name) in [("subprocess", "Popen"), ("os.path", "join"), ("builtins", "eval"), ("a", "B.c")] {
            assert!(!class(module, name).is_harmless(), "{module}.{name}");
        }
    }
}
