use crate::{Finding, Manifest};

const INHERIT: &str = "write `[lints]` with `workspace = true`";
const FROM_ROOT: &str = "put version and source into [workspace.dependencies] of the root, and write `name.workspace = true`";
const SAY_WHY: &str = "say in a comment behind it what the dependency is for";
const SAME_NAME: &str = "a folder under crates/ has the name of its crate";

/// Finds members that do not inherit the lints, that name versions themselves, or that do not say why they need a
/// dependency.
#[must_use]
pub fn manifests(manifests: &[Manifest]) -> Vec<Finding> {
    manifests.iter().flat_map(manifest).collect()
}

fn manifest(manifest: &Manifest) -> Vec<Finding> {
    let path = &manifest.path;
    let Ok(table) = manifest.text.parse::<toml::Table>() else {
        return vec![Finding::in_file(path, "not TOML", "write a manifest that cargo reads")];
    };
    let mut findings = Vec::new();
    if !inherits(table.get("lints")) {
        findings.push(Finding::in_file(path, "lints are not inherited", INHERIT));
    }
    let folder = path.strip_prefix("crates/").and_then(|rest| rest.split('/').next());
    if folder.is_some_and(|folder| folder != manifest.package) {
        let problem = format!("folder is not named {}", manifest.package);
        findings.push(Finding::in_file(path, problem, SAME_NAME));
    }
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let entries = table.get(section).and_then(toml::Value::as_table);
        for (name, entry) in entries.into_iter().flatten() {
            let line = line_of(manifest, section, name);
            if !inherits(Some(entry)) {
                let problem = format!("{name} does not come from the workspace");
                findings.push(Finding::at(path, line.0, problem, FROM_ROOT));
            }
            if section == "dependencies" && !line.1.contains(" # ") {
                let problem = format!("{name} has no reason behind it");
                findings.push(Finding::at(path, line.0, problem, SAY_WHY));
            }
        }
    }
    findings
}

/// Whether a table says `workspace = true` and brings no version or source of its own.
fn inherits(value: Option<&toml::Value>) -> bool {
    let Some(table) = value.and_then(toml::Value::as_table) else { return false };
    let own = ["version", "path", "git", "registry"];
    table.get("workspace").and_then(toml::Value::as_bool) == Some(true)
        && !own.iter().any(|key| table.contains_key(*key))
}

/// Number and text of the line that names this dependency in this section, or of the file's first line.
fn line_of<'a>(manifest: &'a Manifest, section: &str, name: &str) -> (usize, &'a str) {
    let heading = format!("[{section}]");
    let names_it = |line: &str| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
            || line.starts_with(&format!("[{section}.{name}]"))
    };
    let lines = || manifest.text.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines()
        .skip_while(|(_, line)| line.trim() != heading)
        .skip(1)
        .take_while(|(_, line)| !line.starts_with('['))
        .find(|(_, line)| names_it(line))
        .or_else(|| lines().find(|(_, line)| names_it(line)))
        .unwrap_or((1, ""))
}
