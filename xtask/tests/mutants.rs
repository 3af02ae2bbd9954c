//! The sample of mutants, and how they are woven into a file.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use xtask::{Genre, Mutant, Place, Report, Span, Survivor, Verdict, apply, sample, weave};

const SOURCE: &str = "\
const fn larger(a: u8, b: u8) -> bool {
    a > b && !same(a, b)
}

fn name(number: u8) -> &'static str {
    match number {
        1 => \"é\",
        2 | 3 if number > 2 => \"three\",
        _ => \"many\",
    }
}
";

/// The place of a text in [`SOURCE`], its first.
fn span(text: &str) -> Span {
    let at = SOURCE.find(text).unwrap();
    let place = |end: usize| {
        let before = &SOURCE[..end];
        let line = before.rsplit('\n').next().unwrap();
        Place { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    };
    Span { start: place(at), end: place(at + text.len()) }
}

fn mutant(genre: Genre, text: &str, replacement: &str) -> Mutant {
    Mutant {
        name: format!("crates/x/src/lib.rs: replace {text} with {replacement}"),
        file: "crates/x/src/lib.rs".to_owned(),
        package: "x".to_owned(),
        function: None,
        genre,
        replacement: replacement.to_owned(),
        span: span(text),
    }
}

fn woven(mutants: &[Mutant]) -> String {
    let numbered: Vec<_> = mutants.iter().enumerate().collect();
    weave(SOURCE, &numbered).text
}

/// [`SOURCE`] with one text in place of another.
fn changed(from: &str, to: &str) -> String {
    assert!(SOURCE.contains(from), "{from}");
    SOURCE.replacen(from, to, 1)
}

#[test]
fn without_mutants_nothing_changes() {
    assert_eq!(woven(&[]), SOURCE);
}

#[test]
fn a_mutant_alone_is_the_file_with_the_replacement() {
    let operator = mutant(Genre::BinaryOperator, "&&", "||");
    assert_eq!(apply(SOURCE, &operator), Some(changed("&&", "||")));
    let arm = mutant(Genre::MatchArm, "1 => \"é\",", "");
    assert_eq!(apply(SOURCE, &arm), Some(changed("1 => \"é\",", "")));
    let outside = Place { line: 99, column: 1 };
    let nowhere = Mutant { span: Span { start: outside, end: outside }, ..arm };
    assert_eq!(apply(SOURCE, &nowhere), None);
}

#[test]
fn operators_get_a_switch_and_their_function_is_no_longer_const() {
    let switch =
        "(if crate::mutant_switch::on(0) { a > b || !same(a, b) } else { a > b && !same(a, b) })";
    let expected = changed("a > b && !same(a, b)", switch).replace("const", "/* const */");
    assert_eq!(woven(&[mutant(Genre::BinaryOperator, "&&", "||")]), expected);
}

#[test]
fn mutants_within_each_other_are_on_one_at_a_time() {
    let inner = "(if crate::mutant_switch::on(1) { same(a, b) } else { !same(a, b) })";
    let outer = "if crate::mutant_switch::on(0) { a > b || !same(a, b) } else { a > b && ";
    let body = "if crate::mutant_switch::on(2) { return true; } ";
    let expected = changed("a > b && !same(a, b)", &format!("{body}({outer}{inner} }})"));
    let mutants = [
        mutant(Genre::BinaryOperator, "&&", "||"),
        mutant(Genre::UnaryOperator, "!", ""),
        mutant(Genre::FnValue, "a > b && !same(a, b)", "true"),
    ];
    assert_eq!(woven(&mutants), expected.replace("const", "/* const */"));
}

#[test]
fn arms_are_switched_off_by_their_guards() {
    let arm = mutant(Genre::MatchArm, "1 => \"é\",", "");
    assert_eq!(woven(&[arm]), changed("1 =>", "1 if !crate::mutant_switch::on(0) =>"));
    let guarded = mutant(Genre::MatchArm, "2 | 3 if number > 2 => \"three\",", "");
    let guard = "(!crate::mutant_switch::on(0) && (number > 2))";
    assert_eq!(woven(&[guarded]), changed("number > 2", guard));
    let always = mutant(Genre::MatchArmGuard, "number > 2", "true");
    let guard = "(if crate::mutant_switch::on(0) { true } else { number > 2 })";
    assert_eq!(woven(&[always]), changed("number > 2", guard));
}

#[test]
fn an_error_inside_a_mutant_is_its_own() {
    let mutants =
        [mutant(Genre::BinaryOperator, "&&", "||"), mutant(Genre::MatchArmGuard, "number > 2", "")];
    let numbered: Vec<_> = mutants.iter().enumerate().collect();
    let woven = weave(SOURCE, &numbered);
    let at = |text: &str| woven.text.find(text).unwrap();
    assert_eq!(woven.culprit(at("||")), Some(0));
    assert_eq!(woven.culprit(at("on(1)")), Some(1));
    assert_eq!(woven.culprit(at("many")), None);
    assert_eq!(woven.ids().collect::<std::collections::BTreeSet<_>>(), [0, 1].into());
}

#[test]
fn a_seed_picks_the_same_mutants_whatever_else_there_is() {
    let numbered = |count: usize| -> Vec<Mutant> {
        let name = |number| format!("crates/x/src/lib.rs:{number}:1: replace");
        let one = mutant(Genre::BinaryOperator, "&&", "||");
        (0..count).map(|number| Mutant { name: name(number), ..one.clone() }).collect()
    };
    let names = |seed, count| -> Vec<String> {
        sample(numbered(count), seed, 50).into_iter().map(|mutant| mutant.name).collect()
    };
    assert_eq!(names(1, 400), names(1, 400));
    assert_eq!(names(1, 400).len(), 50);
    assert_ne!(names(1, 400), names(2, 400));
    let (before, after) = (names(1, 400), names(1, 404));
    assert!(
        before.iter().filter(|name| after.contains(name)).count() >= 46,
        "four came, four went"
    );
    assert_eq!(sample(numbered(10), 1, 50).len(), 10);
}

#[test]
fn a_survivor_needs_a_reason_of_its_own() {
    let verdicts = [
        ("a.rs:3:4: replace < with <=", Verdict::Survived),
        ("b.rs:3:4: replace < with <=", Verdict::Survived),
        ("a.rs:9:9: replace < with >", Verdict::Noticed("a_test".to_owned())),
        ("a.rs:9:9: replace f with g", Verdict::Unviable),
    ];
    let verdicts = verdicts.map(|(name, verdict)| (name.to_owned(), verdict)).into();
    let report = Report { seed: 7, verdicts };
    let list =
        "[[survivor]]\nfile = \"a.rs\"\nchange = \"replace < with <=\"\nreason = \"no less\"\n";
    let list = Survivor::parse_all(list).unwrap();
    assert_eq!(report.unexplained(&list), ["b.rs:3:4: replace < with <="]);
    assert_eq!(report.to_string(), "seed 7: 3 mutants tried, 2 survived; 1 do not compile");
    assert!(Survivor::parse_all("[[survivor]]\nfile = \"a.rs\"\nchange = \"x\"\n").is_err());
}
