use serde::Deserialize;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::source::{is_test_only, segments, test_modules};
use crate::{Finding, SourceFile};

const LIST: &str = "xtask/claims.toml";
const REVIEW: &str =
    "let a second person read what is established there, then list it in xtask/claims.toml";
const REMOVE: &str = "remove the entry";

/// A reviewed place that claims an authorisation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Relative to the repository.
    pub path: String,
    /// The function around the call.
    pub function: String,
    /// What was established before it.
    pub established: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    #[serde(default)]
    claim: Vec<Claim>,
}

impl Claim {
    /// Reads the list of reviewed places.
    ///
    /// # Errors
    /// It is not of that form.
    pub fn parse_all(text: &str) -> anyhow::Result<Vec<Self>> {
        Ok(toml::from_str::<Claims>(text)?.claim)
    }
}

/// Finds calls of `Authorization::assertion` that are not on the list, and entries without a call. Each entry stands
/// for one call.
#[must_use]
pub fn claims(sources: &[SourceFile], reviewed: &[Claim]) -> Vec<Finding> {
    let mut unused: Vec<&Claim> = reviewed.iter().collect();
    let mut findings = Vec::new();
    let tests = test_modules(sources);
    let is_product = |file: &&SourceFile| file.is_product() && !tests.contains(&file.path);
    for file in sources.iter().filter(is_product) {
        for (function, line) in calls(file) {
            let entry = unused
                .iter()
                .position(|claim| claim.path == file.path && claim.function == function);
            match entry {
                Some(position) => drop(unused.swap_remove(position)),
                None => {
                    let problem = format!("authorisation claimed in fn {function}, not reviewed");
                    findings.push(Finding::at(&file.path, line, problem, REVIEW));
                }
            }
        }
    }
    let unexplained = reviewed.iter().filter(|claim| claim.established.trim().is_empty());
    findings.extend(unexplained.map(|claim| {
        let problem =
            format!("{} fn {} does not say what is established", claim.path, claim.function);
        Finding::in_file(LIST, problem, REVIEW)
    }));
    findings.extend(unused.into_iter().map(|claim| {
        let problem = format!("no claim in {} fn {}", claim.path, claim.function);
        Finding::in_file(LIST, problem, REMOVE)
    }));
    findings
}

/// Each mention of the constructor, with the function around it and its line.
fn calls(file: &SourceFile) -> Vec<(String, usize)> {
    let mut visitor = Calls { function: String::new(), found: Vec::new() };
    if let Some(syntax) = file.syntax() {
        visitor.visit_file(&syntax);
    }
    visitor.found
}

struct Calls {
    function: String,
    found: Vec<(String, usize)>,
}

impl Calls {
    fn inside(&mut self, signature: &syn::Signature, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.function, signature.ident.to_string());
        visit(self);
        self.function = outer;
    }
}

impl<'ast> Visit<'ast> for Calls {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test_only(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if !is_test_only(&function.attrs) {
            self.inside(&function.sig, |visitor| visit::visit_item_fn(visitor, function));
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.inside(&function.sig, |visitor| visit::visit_impl_item_fn(visitor, function));
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        self.inside(&function.sig, |visitor| visit::visit_trait_item_fn(visitor, function));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        // The type may be renamed on import, the constructor may not.
        if matches!(segments(path).as_slice(), [.., _, last] if last == "assertion") {
            self.found.push((self.function.clone(), path.span().start().line));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        // Arguments of a macro are tokens, not paths.
        if invocation.tokens.to_string().replace(' ', "").contains("::assertion(") {
            self.found.push((self.function.clone(), invocation.span().start().line));
        }
        visit::visit_macro(self, invocation);
    }
}
