//! The drivers, their shims and the WGSL compiler where they were unpacked, with the libraries they need.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kernels_tests::compilers::Compiler;

/// A folder of unpacked packages.
pub struct Unpacked {
    usr: PathBuf,
    libraries: PathBuf,
    loader: PathBuf,
}

impl Unpacked {
    /// Looks for them in a folder.
    pub fn find(folder: &Path) -> Result<Unpacked, Box<dyn Error>> {
        let usr = folder.canonicalize()?.join("usr");
        let libraries = named(&usr.join("lib"), |name| name.ends_with("-linux-gnu"))?;
        let loader =
            ["lib64", "lib"].iter().find_map(|lib| named(&usr.join(lib), |name| name.starts_with("ld-linux")).ok());
        let loader = loader.ok_or_else(|| format!("no dynamic loader in `{}`", usr.display()))?;
        Ok(Unpacked { usr, libraries, loader })
    }

    /// This program under a driver and its shim, with a file of questions.
    pub fn under(&self, compiler: &Compiler, scratch: &Path, questions: &Path) -> Result<Output, Box<dyn Error>> {
        let library = self.libraries.join(format!("libvulkan_{}.so", compiler.driver));
        let shim = self.libraries.join(format!("lib{}_noop_drm_shim.so", compiler.shim));
        let manifest = scratch.join(format!("{}.json", compiler.name));
        let icd = serde_json::json!({ "library_path": library, "api_version": "1.3.0" });
        std::fs::write(&manifest, serde_json::json!({ "file_format_version": "1.0.0", "ICD": icd }).to_string())?;
        let mut command = Command::new(&self.loader);
        command.arg("--library-path").arg(&self.libraries).arg("--preload").arg(shim);
        command.arg(std::env::current_exe()?).arg("--ask").arg(questions);
        command.env("VK_DRIVER_FILES", &manifest).env("VK_ICD_FILENAMES", &manifest);
        // Layers of the system know other libraries.
        command.env("VK_LOADER_LAYERS_DISABLE", "~all~");
        command.env("XDG_RUNTIME_DIR", scratch).env("MESA_SHADER_CACHE_DISABLE", "true");
        command.envs(compiler.chip);
        Ok(command.output()?)
    }

    /// Chrome's WGSL compiler on a file.
    pub fn tint(&self, file: &Path) -> io::Result<Output> {
        let mut command = Command::new(&self.loader);
        command.arg("--library-path").arg(&self.libraries).arg(self.usr.join("bin/tint"));
        command.args(["--format", "spirv", "-o", "/dev/null"]).arg(file).output()
    }
}

fn named(folder: &Path, fits: impl Fn(&str) -> bool) -> io::Result<PathBuf> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| fits(&name.to_string_lossy())) {
            return Ok(path);
        }
    }
    Err(io::Error::other(format!("`{}` lacks what the packages have there", folder.display())))
}
