use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::mutants::{Mutant, Verdict, Woven, apply, weave};

/// The packages whose mutants are tried.
const PACKAGES: [&str; 2] = ["scep-proto", "intune-challenge"];
/// What the compiler says of values that have the wrong type, or of types that cannot do something.
const TYPE_ERRORS: [&str; 6] = ["E0277", "E0308", "E0369", "E0433", "E0599", "E0600"];
/// Folders that are not copied.
const SKIPPED: [&str; 4] = ["target", "corpus", "artifacts", ".git"];
/// Longer than any test binary takes: what takes longer does not end.
const PATIENCE: Duration = Duration::from_secs(240);
/// Rounds of dropping what does not compile: the compiler does not tell everything at once.
const ROUNDS: usize = 24;

const SWITCH: &str = "//! Which mutant is on.
pub(crate) fn on(mutant: u32) -> bool {
    static ON: std::sync::LazyLock<Option<u32>> =
        std::sync::LazyLock::new(|| std::env::var(\"MUTANT\").ok()?.parse().ok());
    *ON == Some(mutant)
}
";

/// By package: working folder and test binaries.
type Tests = BTreeMap<String, (PathBuf, Vec<PathBuf>)>;

/// Test binaries with mutants in them.
#[derive(Debug)]
pub(crate) struct Built {
    root: PathBuf,
    tree: PathBuf,
    tests: Tests,
    blamed: BTreeMap<usize, Blame>,
}

/// Why a mutant is not in the binaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// Its code is of the wrong type, behind a switch or not.
    Unviable,
    /// It may compile without a switch.
    NeedsItsOwnBuild,
}

impl Built {
    /// Whether it must be built alone, which comes last: the binaries of all others are lost by it.
    pub(crate) fn is_alone(&self, id: usize) -> bool {
        self.blamed.get(&id) == Some(&Blame::NeedsItsOwnBuild)
    }
}

/// All mutants of the packages.
pub(crate) fn list(root: &Path) -> anyhow::Result<Vec<Mutant>> {
    let mut command = cargo(root);
    command.args(["mutants", "--list", "--json"]);
    command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    let output = command.output().context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "`cargo mutants` failed: cargo install cargo-mutants --locked"
    );
    serde_json::from_slice(&output.stdout).context("cannot read the output of cargo mutants")
}

/// Copies the workspace; files that did not change keep their time, so that little is built anew.
///
/// Property tests get few cases there: what notices a mutant shall be a test and not luck.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if SKIPPED.iter().any(|skipped| name == *skipped) {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            let content = fs::read(&path)?;
            match String::from_utf8(content) {
                Ok(text) => write(&to.join(name), with_few_cases(&text).as_bytes())?,
                Err(binary) => write(&to.join(name), binary.as_bytes())?,
            }
        }
    }
    Ok(())
}

fn with_few_cases(text: &str) -> String {
    text.replace(
        "#![proptest_config(ProptestConfig::with_cases(",
        "#![proptest_config(ProptestConfig::with_cases(8 + 0 * ",
    )
}

fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// Weaves, drops the mutants that the compiler does not take, and builds the tests.
pub(crate) fn weave_until_it_builds(
    root: &Path,
    tree: &Path,
    mutants: &[Mutant],
) -> anyhow::Result<Built> {
    let mut ids: BTreeSet<usize> = (0..mutants.len()).collect();
    let mut blamed = BTreeMap::new();
    for _ in 0..ROUNDS {
        let files = weave_all(root, tree, mutants, &ids)?;
        let woven: BTreeSet<usize> = files.values().flat_map(Woven::ids).collect();
        blamed.extend(ids.difference(&woven).map(|id| (*id, Blame::NeedsItsOwnBuild)));
        let culprits = culprits(tree, &files, mutants)?;
        if culprits.is_empty() {
            let (root, tree, tests) =
                (root.to_owned(), tree.to_owned(), build_tests(tree, &PACKAGES)?);
            return Ok(Built { root, tree, tests, blamed });
        }
        writeln!(std::io::stderr(), "{} mutants do not compile", culprits.len())?;
        blamed.extend(culprits);
        ids = woven.into_iter().filter(|id| !blamed.contains_key(id)).collect();
    }
    bail!("the compiler still complains after {ROUNDS} rounds")
}

fn weave_all(
    root: &Path,
    tree: &Path,
    mutants: &[Mutant],
    ids: &BTreeSet<usize>,
) -> anyhow::Result<BTreeMap<String, Woven>> {
    let mut by_file: BTreeMap<&str, Vec<(usize, &Mutant)>> = BTreeMap::new();
    for (id, mutant) in mutants.iter().enumerate() {
        let mutants = by_file.entry(&mutant.file).or_default();
        if ids.contains(&id) {
            mutants.push((id, mutant));
        }
    }
    let mut files = BTreeMap::new();
    for (file, mutants) in by_file {
        let woven = weave(&fs::read_to_string(root.join(file))?, &mutants);
        write(&tree.join(file), woven.text.as_bytes())?;
        files.insert(file.to_owned(), woven);
    }
    for package in PACKAGES {
        let source = format!("crates/{package}/src");
        let lib = fs::read_to_string(root.join(&source).join("lib.rs"))?;
        write(
            &tree.join(&source).join("lib.rs"),
            format!("{lib}\nmod mutant_switch;\n").as_bytes(),
        )?;
        write(&tree.join(&source).join("mutant_switch.rs"), SWITCH.as_bytes())?;
    }
    Ok(files)
}

/// The mutants that the compiler complains about.
fn culprits(
    tree: &Path,
    files: &BTreeMap<String, Woven>,
    mutants: &[Mutant],
) -> anyhow::Result<BTreeMap<usize, Blame>> {
    let (built, messages) = cargo_json(tree, &["check", "--keep-going"], &PACKAGES)?;
    let woven: BTreeSet<usize> = files.values().flat_map(Woven::ids).collect();
    let mut culprits = BTreeMap::new();
    for message in messages.iter().map(|message| &message["message"]) {
        if message["level"] != "error" {
            continue;
        }
        if let Some(function) = called_in_a_constant(message) {
            let lies_in = |id: &&usize| mutants.get(**id).is_some_and(|m| m.lies_in(function));
            let constant = woven.iter().filter(lies_in);
            culprits.extend(constant.map(|id| (*id, Blame::NeedsItsOwnBuild)));
        }
        for span in message["spans"].as_array().into_iter().flatten() {
            culprits.extend(culprit(message, span, files));
        }
    }
    ensure!(built || !culprits.is_empty(), "it does not build, and no mutant is to blame");
    Ok(culprits)
}

/// The mutant that is to blame for what an error points at.
fn culprit(
    message: &Value,
    span: &Value,
    files: &BTreeMap<String, Woven>,
) -> Option<(usize, Blame)> {
    if span["is_primary"] != true {
        return None;
    }
    let file = files.get(span["file_name"].as_str()?)?;
    let at = usize::try_from(span["byte_start"].as_u64()?).ok()?;
    let wrong_type =
        message["code"]["code"].as_str().is_some_and(|code| TYPE_ERRORS.contains(&code));
    // A body may be of an opaque type although no `return` is.
    let opaque = message.to_string().contains("opaque");
    let unviable = wrong_type && !opaque && file.is_changed(at);
    let blame = if unviable { Blame::Unviable } else { Blame::NeedsItsOwnBuild };
    file.culprit(at).map(|id| (id, blame))
}

/// The function that had to stay `const`.
fn called_in_a_constant(message: &Value) -> Option<&str> {
    let (_, call) = message["message"].as_str()?.split_once("cannot call non-const")?;
    let path = call.split('`').nth(1)?;
    path.rsplit("::").next()
}

fn build_tests(tree: &Path, packages: &[&str]) -> anyhow::Result<Tests> {
    let (built, messages) = cargo_json(tree, &["test", "--tests", "--no-run"], packages)?;
    ensure!(built, "the tests do not build");
    let mut tests = Tests::new();
    for message in messages.iter().filter(|message| message["profile"]["test"] == true) {
        let (Some(binary), Some(manifest)) =
            (message["executable"].as_str(), message["manifest_path"].as_str())
        else {
            continue;
        };
        let folder = Path::new(manifest).parent().unwrap_or(tree);
        let package = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let entry = tests.entry(package).or_insert_with(|| (folder.to_path_buf(), Vec::new()));
        entry.1.push(PathBuf::from(binary));
    }
    Ok(tests)
}

/// Runs the tests of a mutant's package until one fails.
pub(crate) fn judge(built: &Built, id: usize, mutant: &Mutant) -> anyhow::Result<Verdict> {
    match built.blamed.get(&id) {
        None => run_tests(&built.tests, Some(id), mutant),
        Some(Blame::Unviable) => Ok(Verdict::Unviable),
        Some(Blame::NeedsItsOwnBuild) => judge_alone(built, mutant),
    }
}

/// As `cargo mutants` does it: one change, one build.
fn judge_alone(built: &Built, mutant: &Mutant) -> anyhow::Result<Verdict> {
    let tree = &built.tree;
    let path = tree.join(&mutant.file);
    let woven = fs::read_to_string(&path)?;
    let changed = apply(&fs::read_to_string(built.root.join(&mutant.file))?, mutant);
    write(&path, changed.context("a mutant outside its file")?.as_bytes())?;
    let package = [mutant.package.as_str()];
    let (compiles, _) = cargo_json(tree, &["check"], &package)?;
    let verdict = if compiles {
        run_tests(&build_tests(tree, &package)?, None, mutant)
    } else {
        Ok(Verdict::Unviable)
    };
    write(&path, woven.as_bytes())?;
    verdict
}

fn run_tests(tests: &Tests, on: Option<usize>, mutant: &Mutant) -> anyhow::Result<Verdict> {
    let (folder, binaries) = tests.get(&mutant.package).context("a package without tests")?;
    for binary in binaries {
        if let Some(test) = first_failure(binary, folder, on)? {
            return Ok(Verdict::Noticed(test));
        }
    }
    Ok(Verdict::Survived)
}

/// The test that fails first, or that the time was over.
fn first_failure(
    binary: &Path,
    folder: &Path,
    on: Option<usize>,
) -> anyhow::Result<Option<String>> {
    let mut child = Command::new(binary)
        .current_dir(folder)
        .env("MUTANT", on.map(|id| id.to_string()).unwrap_or_default())
        .env("PROPTEST_CASES", "8")
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = child.stdout.take().context("no output")?;
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
    });
    let failed = watch(&lines);
    if failed.is_some() {
        child.kill().ok();
    }
    exit(child, failed)
}

fn watch(lines: &mpsc::Receiver<String>) -> Option<String> {
    let end = Instant::now() + PATIENCE;
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if let Some(test) = line.strip_suffix(" ... FAILED") {
                    return Some(test.trim_start_matches("test ").to_owned());
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => return Some("the time is over".to_owned()),
            Err(mpsc::RecvTimeoutError::Disconnected) => return None,
        }
    }
}

fn exit(mut child: Child, failed: Option<String>) -> anyhow::Result<Option<String>> {
    let status = child.wait()?;
    Ok(failed.or_else(|| (!status.success()).then(|| format!("the process ended: {status}"))))
}

/// One line for one mutant.
pub(crate) fn say(verdict: &Verdict, mutant: &Mutant) -> anyhow::Result<()> {
    let word = match verdict {
        Verdict::Noticed(test) => format!("noticed by {test}"),
        Verdict::Survived => "SURVIVED".to_owned(),
        Verdict::Unviable => "does not compile".to_owned(),
    };
    Ok(writeln!(std::io::stdout(), "{}: {word}", mutant.name)?)
}

/// Runs cargo in the copy, and returns whether it succeeded and what it says.
fn cargo_json(
    tree: &Path,
    arguments: &[&str],
    packages: &[&str],
) -> anyhow::Result<(bool, Vec<Value>)> {
    let mut command = cargo(tree);
    command.args(arguments).args(packages.iter().flat_map(|package| ["--package", package]));
    command.args(["--message-format", "json"]).stderr(Stdio::inherit());
    let output = command.output().context("cannot run cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok((output.status.success(), messages))
}

/// Cargo without debug information, and a little optimised, since one build serves many runs.
fn cargo(folder: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(folder)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_PROFILE_TEST_DEBUG", "0");
    cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
    cargo
}
