use std::path::Path;

use anyhow::Context;

/// Folders that hold no source of ours.
const SKIPPED: [&str; 4] = ["target", "corpus", "artifacts", ".git"];

/// One Rust file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Relative to the repository, with `/`.
    pub path: String,
    /// Its content.
    pub text: String,
}

impl SourceFile {
    /// A file made of strings.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Whether it is part of a library or program, and no test, example or bench.
    #[must_use]
    pub fn is_product(&self) -> bool {
        self.path.starts_with("crates/") && self.path.split('/').nth(2) == Some("src")
    }

    /// The file as syntax, or `None` if it is not Rust; the compiler says more about that than we could.
    pub(crate) fn syntax(&self) -> Option<syn::File> {
        syn::parse_file(&self.text).ok()
    }

    /// All Rust files below `root`, in the order of their paths.
    pub(crate) fn all_below(root: &Path) -> anyhow::Result<Vec<Self>> {
        let mut files = Vec::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder)
                .with_context(|| format!("cannot list {}", folder.display()))?;
            for entry in entries {
                let path = entry?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if path.is_dir() && !SKIPPED.contains(&&*name) {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    files.push(Self::read(root, &path)?);
                }
            }
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }

    fn read(root: &Path, path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let relative = path.strip_prefix(root).unwrap_or(path);
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        Ok(Self { path: parts.join("/"), text })
    }
}

/// The paths of files that only tests are built from: modules declared by `#[cfg(test)] mod name;`.
pub(crate) fn test_modules(sources: &[SourceFile]) -> Vec<String> {
    sources.iter().flat_map(declared_test_modules).collect()
}

fn declared_test_modules(file: &SourceFile) -> Vec<String> {
    let stem = file.path.strip_suffix(".rs").unwrap_or(&file.path);
    let folder = match stem.rsplit_once('/') {
        Some((folder, "lib" | "main" | "mod")) => folder,
        _ => stem,
    };
    let items = file.syntax().map(|syntax| syntax.items).unwrap_or_default();
    let modules = items.iter().filter_map(|item| match item {
        syn::Item::Mod(item) if item.content.is_none() && is_test_only(&item.attrs) => {
            Some(&item.ident)
        }
        _ => None,
    });
    modules
        .flat_map(|name| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")])
        .collect()
}

/// Whether these attributes keep an item out of every build but tests.
pub(crate) fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test")))
    })
}

/// The segments of a path, without generic arguments.
pub(crate) fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}
