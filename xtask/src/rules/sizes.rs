use serde::Deserialize;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::{Finding, SourceFile};

/// Lines a file should stay under.
const FILE_AIM: usize = 400;
/// Lines a file may have.
const FILE_CEILING: usize = 800;
/// Lines a function may have, from `fn` to its closing brace. Tests too: a longer one claims more than one thing.
const FUNCTION_CEILING: usize = 60;

const LIST: &str = "xtask/exceptions.toml";
const SPLIT: &str =
    "split it along its subjects; an exception with its reason goes into xtask/exceptions.toml";
const REMOVE: &str = "remove the entry";

/// What may be larger than the ceilings, each with its reason.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    /// Files.
    #[serde(default)]
    pub file: Vec<FileException>,
    /// Functions.
    #[serde(default)]
    pub function: Vec<FunctionException>,
}

/// A file that may be larger than the ceiling.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileException {
    /// Relative to the repository.
    pub path: String,
    /// Lines it may have.
    pub lines: usize,
    /// Why.
    pub reason: String,
}

/// A function that may be larger than the ceiling.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionException {
    /// Relative to the repository.
    pub path: String,
    /// `function` or `Type::function`.
    pub name: String,
    /// Lines it may have.
    pub lines: usize,
    /// Why.
    pub reason: String,
}

impl Exceptions {
    /// Reads the exception list.
    ///
    /// # Errors
    /// It is not of that form.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(toml::from_str(text)?)
    }
}

/// A function and how long it is.
struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// Finds files and functions above their ceilings, and exceptions that are not needed any more.
#[must_use]
pub fn sizes(sources: &[SourceFile], exceptions: &Exceptions) -> Vec<Finding> {
    let mut findings = stale(sources, exceptions);
    for file in sources {
        let lines = file.text.lines().count();
        if lines > FILE_CEILING.max(exceptions.file_allows(&file.path)) {
            let problem = format!("file of {lines} lines, ceiling {FILE_CEILING}");
            findings.push(Finding::in_file(&file.path, problem, SPLIT));
        }
        for Function { name, line, lines } in functions(file) {
            if lines > FUNCTION_CEILING.max(exceptions.function_allows(&file.path, &name)) {
                let problem = format!("fn {name} of {lines} lines, ceiling {FUNCTION_CEILING}");
                findings.push(Finding::at(&file.path, line, problem, SPLIT));
            }
        }
    }
    findings
}

/// Files that are allowed but longer than they should be, longest first.
#[must_use]
pub fn long_files(sources: &[SourceFile]) -> Vec<String> {
    let mut long: Vec<_> = sources
        .iter()
        .map(|file| (file.text.lines().count(), &file.path))
        .filter(|(lines, _)| *lines > FILE_AIM)
        .collect();
    long.sort_unstable_by(|one, other| other.cmp(one));
    long.into_iter()
        .map(|(lines, path)| format!("{path} has {lines} lines, aim {FILE_AIM}"))
        .collect()
}

impl Exceptions {
    fn file_allows(&self, path: &str) -> usize {
        self.file.iter().find(|entry| entry.path == path).map_or(0, |entry| entry.lines)
    }

    fn function_allows(&self, path: &str, name: &str) -> usize {
        let entry = self.function.iter().find(|entry| entry.path == path && entry.name == name);
        entry.map_or(0, |entry| entry.lines)
    }
}

/// Entries for what is under the ceiling by now or gone, and entries without a reason.
fn stale(sources: &[SourceFile], exceptions: &Exceptions) -> Vec<Finding> {
    let file = |path: &str| sources.iter().find(|file| file.path == path);
    let mut findings = Vec::new();
    for FileException { path, reason, .. } in &exceptions.file {
        let lines = file(path).map_or(0, |file| file.text.lines().count());
        findings.extend(judge_entry(path, lines > FILE_CEILING, reason));
    }
    for FunctionException { path, name, reason, .. } in &exceptions.function {
        let functions = file(path).map(functions).unwrap_or_default();
        let is_long =
            |function: &Function| function.name == *name && function.lines > FUNCTION_CEILING;
        let entry = format!("{path} fn {name}");
        findings.extend(judge_entry(&entry, functions.iter().any(is_long), reason));
    }
    findings
}

fn judge_entry(entry: &str, is_needed: bool, reason: &str) -> Option<Finding> {
    if !is_needed {
        Some(Finding::in_file(LIST, format!("exception for {entry} is not needed"), REMOVE))
    } else if reason.trim().is_empty() {
        let remedy = "say why it cannot be smaller";
        Some(Finding::in_file(LIST, format!("exception for {entry} has no reason"), remedy))
    } else {
        None
    }
}

fn functions(file: &SourceFile) -> Vec<Function> {
    let mut visitor = Functions { owner: None, found: Vec::new() };
    if let Some(syntax) = file.syntax() {
        visitor.visit_file(&syntax);
    }
    visitor.found
}

struct Functions {
    /// The type or trait around.
    owner: Option<String>,
    found: Vec<Function>,
}

impl Functions {
    fn push(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let name = match &self.owner {
            Some(owner) => format!("{owner}::{}", signature.ident),
            None => signature.ident.to_string(),
        };
        let line = signature.span().start().line;
        let lines = body.span().end().line.saturating_sub(line).saturating_add(1);
        self.found.push(Function { name, line, lines });
    }

    fn inside(&mut self, owner: Option<String>, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.owner, owner);
        visit(self);
        self.owner = outer;
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = match &*item.self_ty {
            syn::Type::Path(path) => {
                path.path.segments.last().map(|segment| segment.ident.to_string())
            }
            _ => None,
        };
        self.inside(owner, |visitor| visit::visit_item_impl(visitor, item));
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let owner = Some(item.ident.to_string());
        self.inside(owner, |visitor| visit::visit_item_trait(visitor, item));
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.inside(None, |visitor| {
            visitor.push(&function.sig, &function.block);
            visit::visit_item_fn(visitor, function);
        });
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.push(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.push(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}
