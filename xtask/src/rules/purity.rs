use proc_macro2::LineColumn;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::source::{is_test_only, segments, test_modules};
use crate::{Finding, SourceFile};

/// The crates that decide: no I/O, no clock, no randomness drawn, no crypto library, no async, no unsafe.
pub const PURE_CRATES: [&str; 4] = ["scep-types", "scep-proto", "intune-challenge", "scep-ca"];

const AS_ARGUMENT: &str =
    "a pure crate decides; take time, random octets, keys and files as arguments";
const IN_ADAPTER: &str = "carrying belongs into an adapter; stop and return a value instead";
const LIGHTER: &str = "take a lighter dependency, or put the use into an adapter";
const FORBID: &str = "begin the crate root with #![forbid(unsafe_code)]";
const SAME_TOML: &str = "copy crates/scep-types/clippy.toml: clippy reads the nearest one only";

/// Paths that no pure crate names. A path matches if these segments stand in it one after the other.
const FORBIDDEN_PATHS: [(&[&str], &str); 13] = [
    (&["std", "fs"], AS_ARGUMENT),
    (&["std", "env"], AS_ARGUMENT),
    (&["std", "process"], AS_ARGUMENT),
    (&["std", "thread"], AS_ARGUMENT),
    (&["std", "time", "SystemTime"], AS_ARGUMENT),
    (&["std", "time", "Instant"], AS_ARGUMENT),
    (&["SystemTime", "now"], AS_ARGUMENT),
    (&["Instant", "now"], AS_ARGUMENT),
    (&["OffsetDateTime", "now_utc"], AS_ARGUMENT),
    (&["io", "stdin"], AS_ARGUMENT),
    (&["io", "stdout"], IN_ADAPTER),
    (&["io", "stderr"], IN_ADAPTER),
    (&["OsRng"], AS_ARGUMENT),
];

/// Addresses are values; only sockets carry.
const NET_VALUES: [&str; 4] = ["IpAddr", "Ipv4Addr", "Ipv6Addr", "AddrParseError"];

/// Crates that no pure crate names or needs, with every feature of its own turned off.
const FORBIDDEN_CRATES: [&str; 24] = [
    "async-std",
    "aws-lc-fips-sys",
    "aws-lc-rs",
    "aws-lc-sys",
    "axum",
    "boring",
    "getrandom",
    "graviola",
    "hyper",
    "mio",
    "native-tls",
    "openssl",
    "openssl-sys",
    "rand",
    "reqwest",
    "ring",
    "rsa",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "tokio-util",
    "ureq",
];

const FORBIDDEN_MACROS: [&str; 5] = ["println", "print", "eprintln", "eprint", "dbg"];

/// Finds what a pure crate must not do in its sources, and crate roots and clippy settings that do not say so.
#[must_use]
pub fn purity(
    sources: &[SourceFile],
    clippy_settings: &[(String, Option<String>)],
) -> Vec<Finding> {
    let tests = test_modules(sources);
    let mut findings = Vec::new();
    for krate in PURE_CRATES {
        let folder = format!("crates/{krate}/src/");
        let is_product =
            |file: &&SourceFile| file.path.starts_with(&folder) && !tests.contains(&file.path);
        for file in sources.iter().filter(is_product) {
            findings.extend(impurities(file));
        }
        let root = format!("{folder}lib.rs");
        if let Some(file) = sources.iter().find(|file| file.path == root)
            && !forbids_unsafe(file)
        {
            findings.push(Finding::at(&root, 1, "unsafe code is not forbidden", FORBID));
        }
    }
    let expected = clippy_settings.iter().find_map(|(_, text)| text.as_ref());
    for (path, text) in clippy_settings {
        if text.is_none() || text.as_ref() != expected {
            let problem = "clippy settings of a pure crate missing or not those of the others";
            findings.push(Finding::in_file(path, problem, SAME_TOML));
        }
    }
    findings
}

/// Finds forbidden packages in the output of `cargo tree --prefix none`.
#[must_use]
pub fn dependency_tree(krate: &str, tree: &str) -> Vec<Finding> {
    let mut names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .filter(|name| FORBIDDEN_CRATES.contains(name))
        .map(|name| {
            let place = format!("crates/{krate}/Cargo.toml");
            Finding::in_file(&place, format!("{name} is in the dependency tree"), LIGHTER)
        })
        .collect()
}

fn forbids_unsafe(file: &SourceFile) -> bool {
    file.syntax().is_some_and(|syntax| {
        syntax.attrs.iter().any(|attribute| {
            attribute.path().is_ident("forbid")
                && attribute
                    .parse_args::<syn::Path>()
                    .is_ok_and(|lint| lint.is_ident("unsafe_code"))
        })
    })
}

fn impurities(file: &SourceFile) -> Vec<Finding> {
    let mut visitor = Impurities { file, findings: Vec::new() };
    if let Some(syntax) = file.syntax() {
        visitor.visit_file(&syntax);
    }
    visitor.findings
}

struct Impurities<'a> {
    file: &'a SourceFile,
    findings: Vec<Finding>,
}

impl Impurities<'_> {
    fn found(&mut self, start: LineColumn, problem: String, remedy: &'static str) {
        self.findings.push(Finding::at(&self.file.path, start.line, problem, remedy));
    }

    fn check(&mut self, path: &[String], start: LineColumn) {
        if let Some(remedy) = forbidden(path) {
            self.found(start, format!("{} in a pure crate", path.join("::")), remedy);
        }
    }

    fn check_use(&mut self, tree: &syn::UseTree, prefix: &[String]) {
        match tree {
            syn::UseTree::Path(path) => {
                let longer = [prefix, &[path.ident.to_string()]].concat();
                self.check_use(&path.tree, &longer);
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.check_use(item, prefix));
            }
            syn::UseTree::Name(name) => self.check_leaf(&name.ident, prefix),
            syn::UseTree::Rename(rename) => self.check_leaf(&rename.ident, prefix),
            syn::UseTree::Glob(_) => self.check(prefix, tree.span().start()),
        }
    }

    fn check_leaf(&mut self, ident: &proc_macro2::Ident, prefix: &[String]) {
        let name = ident.to_string();
        let path = if name == "self" { prefix.to_vec() } else { [prefix, &[name]].concat() };
        self.check(&path, ident.span().start());
    }
}

impl<'ast> Visit<'ast> for Impurities<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test_only(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.check_use(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.check(&segments(path), path.span().start());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        let start = invocation.span().start();
        let name = segments(&invocation.path).pop().unwrap_or_default();
        if FORBIDDEN_MACROS.contains(&name.as_str()) {
            self.found(start, format!("{name}! in a pure crate"), IN_ADAPTER);
        }
        // Arguments of a macro are tokens, not paths.
        let tokens = invocation.tokens.to_string().replace(' ', "");
        for (path, remedy) in FORBIDDEN_PATHS {
            let path = path.join("::");
            if path.contains("::") && tokens.contains(&path) {
                self.found(start, format!("{path} in {name}! of a pure crate"), remedy);
            }
        }
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if signature.asyncness.is_some() {
            let problem = format!("async fn {} in a pure crate", signature.ident);
            self.found(signature.span().start(), problem, IN_ADAPTER);
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.found(block.span().start(), "async block in a pure crate".into(), IN_ADAPTER);
    }

    fn visit_expr_await(&mut self, await_: &'ast syn::ExprAwait) {
        self.found(await_.span().start(), ".await in a pure crate".into(), IN_ADAPTER);
    }
}

fn forbidden(path: &[String]) -> Option<&'static str> {
    let [first, rest @ ..] = path else { return None };
    if !rest.is_empty() && FORBIDDEN_CRATES.contains(&first.replace('_', "-").as_str()) {
        return Some(LIGHTER);
    }
    if matches!(first.as_str(), "std" | "core") && rest.first().is_some_and(|name| name == "net") {
        let is_value = rest.get(1).is_some_and(|name| NET_VALUES.contains(&name.as_str()));
        return if is_value { None } else { Some(IN_ADAPTER) };
    }
    FORBIDDEN_PATHS
        .iter()
        .find(|(forbidden, _)| path.windows(forbidden.len()).any(|window| window == *forbidden))
        .map(|(_, remedy)| *remedy)
}
