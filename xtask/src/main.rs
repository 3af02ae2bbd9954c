//! `cargo xtask check`, `cargo xtask conformance` and `cargo xtask mutants`: checks of this repository, exit code 1 if one fails.

use std::io::Write;
use std::process::ExitCode;

use xtask::{Claim, Exceptions, Exempt, Outcome, PURE_CRATES, Survivor, Workspace};

const USAGE: &str = "usage: cargo xtask <command>

  check         arrows, purity, sizes, manifests, authorisation claims
  conformance   which rules of xtask/conformance-rows.txt have tests
  mutants [SEED [COUNT]]
                whether tests notice changes of the readers; needs cargo-mutants, and much time";

/// The seed of the sample whose survivors xtask/mutants.toml lists.
const SEED: u64 = 8894;
/// Mutants of a sample.
const SAMPLE: usize = 480;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["check"] => check(&Workspace::load()?),
        ["conformance"] => conformance(&Workspace::load()?),
        ["mutants"] => mutants(SEED, SAMPLE),
        ["mutants", seed] => mutants(seed.parse()?, SAMPLE),
        ["mutants", seed, count] => mutants(seed.parse()?, count.parse()?),
        _ => {
            writeln!(std::io::stderr(), "{USAGE}")?;
            Ok(ExitCode::from(2))
        }
    }
}

fn check(workspace: &Workspace) -> anyhow::Result<ExitCode> {
    let outcomes = [
        arrows(workspace),
        purity(workspace)?,
        sizes(workspace)?,
        manifests(workspace),
        claims(workspace)?,
    ];
    for outcome in &outcomes {
        writeln!(std::io::stdout(), "{outcome}")?;
    }
    Ok(exit_code(outcomes.iter().all(Outcome::holds)))
}

fn conformance(workspace: &Workspace) -> anyhow::Result<ExitCode> {
    let rows = xtask::parse_rows(&workspace.read("xtask/conformance-rows.txt")?)?;
    let exempt = Exempt::parse_all(&workspace.read("xtask/conformance-exempt.toml")?)?;
    let conformance = xtask::conformance(rows, exempt, &workspace.sources);
    writeln!(std::io::stdout(), "{conformance}")?;
    for finding in &conformance.findings {
        writeln!(std::io::stdout(), "FAIL  {finding}")?;
    }
    Ok(exit_code(conformance.findings.is_empty()))
}

fn mutants(seed: u64, count: usize) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::load()?;
    let list = Survivor::parse_all(&workspace.read("xtask/mutants.toml")?)?;
    let work = workspace.root.join("target/mutants");
    let report = xtask::mutants(&workspace.root, &work, seed, count)?;
    writeln!(std::io::stdout(), "{report}")?;
    let unexplained = report.unexplained(&list);
    for survivor in &unexplained {
        writeln!(std::io::stdout(), "FAIL  {survivor}")?;
    }
    Ok(exit_code(unexplained.is_empty()))
}

fn exit_code(holds: bool) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn arrows(workspace: &Workspace) -> Outcome {
    Outcome {
        rule: "arrows",
        looked_at: format!("{} members", workspace.members.len()),
        findings: xtask::arrows(&workspace.members),
        notes: Vec::new(),
    }
}

fn purity(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let settings: Vec<_> = PURE_CRATES
        .map(|krate| format!("crates/{krate}/clippy.toml"))
        .map(|path| (path.clone(), workspace.read(&path).ok()))
        .into();
    let mut findings = xtask::purity(&workspace.sources, &settings);
    for krate in PURE_CRATES {
        findings.extend(xtask::dependency_tree(krate, &workspace.tree(krate)?));
    }
    let looked_at = format!("{} and all they depend on", PURE_CRATES.join(", "));
    Ok(Outcome { rule: "purity", looked_at, findings, notes: Vec::new() })
}

fn sizes(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let exceptions = Exceptions::parse(&workspace.read("xtask/exceptions.toml")?)?;
    Ok(Outcome {
        rule: "sizes",
        looked_at: format!("{} files", workspace.sources.len()),
        findings: xtask::sizes(&workspace.sources, &exceptions),
        notes: xtask::long_files(&workspace.sources),
    })
}

fn manifests(workspace: &Workspace) -> Outcome {
    Outcome {
        rule: "manifests",
        looked_at: format!("{} manifests", workspace.manifests.len()),
        findings: xtask::manifests(&workspace.manifests),
        notes: Vec::new(),
    }
}

fn claims(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let reviewed = Claim::parse_all(&workspace.read("xtask/claims.toml")?)?;
    Ok(Outcome {
        rule: "claims",
        looked_at: format!("{} reviewed claims of an authorisation", reviewed.len()),
        findings: xtask::claims(&workspace.sources, &reviewed),
        notes: Vec::new(),
    })
}
