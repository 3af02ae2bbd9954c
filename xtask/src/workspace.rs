use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::SourceFile;

/// Everything the rules look at.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    /// Where it lies.
    pub root: PathBuf,
    /// Its members.
    pub members: Vec<Member>,
    /// Their manifests.
    pub manifests: Vec<Manifest>,
    /// All Rust files, those outside the members too.
    pub sources: Vec<SourceFile>,
}

/// One package of the workspace, as `cargo metadata` tells of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Member {
    /// Name of the package.
    pub name: String,
    /// Its direct dependencies.
    pub dependencies: Vec<Dependency>,
    manifest_path: PathBuf,
}

/// One direct dependency.
#[derive(Debug, Clone, Deserialize)]
pub struct Dependency {
    /// Name of the package depended on.
    pub name: String,
    /// `dev`, `build`, or `None` for a normal one.
    pub kind: Option<String>,
    /// Whether a feature turns it on.
    pub optional: bool,
}

/// The manifest of one member.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Relative to the repository, with `/`.
    pub path: String,
    /// Name of the package.
    pub package: String,
    /// Its content.
    pub text: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Member>,
    workspace_root: PathBuf,
}

impl Member {
    /// A member made by hand, of normal dependencies.
    #[must_use]
    pub fn new(name: &str, dependencies: Vec<Dependency>) -> Self {
        Self { name: name.to_owned(), dependencies, manifest_path: PathBuf::new() }
    }
}

impl Dependency {
    /// A normal dependency made by hand.
    #[must_use]
    pub fn normal(name: &str) -> Self {
        Self { name: name.to_owned(), kind: None, optional: false }
    }

    /// A dependency of tests made by hand.
    #[must_use]
    pub fn dev(name: &str) -> Self {
        Self { kind: Some("dev".to_owned()), ..Self::normal(name) }
    }

    /// An optional dependency made by hand.
    #[must_use]
    pub fn optional(name: &str) -> Self {
        Self { optional: true, ..Self::normal(name) }
    }
}

impl Workspace {
    /// Reads the workspace around the current folder.
    ///
    /// # Errors
    /// `cargo metadata` fails, or a file cannot be read.
    pub fn load() -> anyhow::Result<Self> {
        let json = cargo(&["metadata", "--no-deps", "--format-version", "1"])?;
        let metadata: Metadata =
            serde_json::from_str(&json).context("cannot read the output of cargo metadata")?;
        let root = metadata.workspace_root;
        let manifests = metadata
            .packages
            .iter()
            .map(|member| Manifest::read(&root, member))
            .collect::<anyhow::Result<_>>()?;
        let sources = SourceFile::all_below(&root)?;
        Ok(Self { members: metadata.packages, manifests, sources, root })
    }

    /// The text of a file of the repository.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, path: &str) -> anyhow::Result<String> {
        std::fs::read_to_string(self.root.join(path)).with_context(|| format!("cannot read {path}"))
    }

    /// The names of all packages that the default-free build of a member needs, one a line.
    ///
    /// # Errors
    /// `cargo tree` fails.
    pub fn tree(&self, member: &str) -> anyhow::Result<String> {
        let edges = ["--edges", "normal", "--no-default-features", "--prefix", "none"];
        cargo(&[&["tree", "--package", member][..], &edges].concat())
    }
}

impl Manifest {
    fn read(root: &Path, member: &Member) -> anyhow::Result<Self> {
        let path = &member.manifest_path;
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let relative = path.strip_prefix(root).unwrap_or(path);
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        Ok(Self { path: parts.join("/"), package: member.name.clone(), text })
    }
}

fn cargo(arguments: &[&str]) -> anyhow::Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).output().context("cannot run cargo")?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("cargo {} failed:\n{errors}", arguments.join(" "));
    }
    Ok(String::from_utf8(output.stdout)?)
}
