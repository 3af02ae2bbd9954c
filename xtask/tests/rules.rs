//! Each rule passes what is right and finds what is wrong, at the right place.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use xtask::{
    Claim, Dependency, Exceptions, Finding, Manifest, Member, SourceFile, arrows, claims,
    dependency_tree, long_files, manifests, purity, sizes,
};

fn places(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.place.as_str()).collect()
}

fn problems(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.problem.as_str()).collect()
}

mod arrows_point_downwards {
    use super::*;

    fn check(name: &str, dependency: Dependency) -> Vec<Finding> {
        let others = ["scep-types", "scep-crypto", "scep-proto", "scep-ca", "scep-store", "scepd"];
        let mut members: Vec<_> =
            others.iter().map(|other| Member::new(other, Vec::new())).collect();
        members.retain(|member| member.name != name);
        members.push(Member::new(name, vec![dependency]));
        arrows(&members)
    }

    #[test]
    fn downwards_is_fine() {
        assert_eq!(check("scep-proto", Dependency::normal("scep-types")), []);
        assert_eq!(check("scep-server", Dependency::normal("scep-store")), []);
        assert_eq!(check("scepd", Dependency::normal("scep-crypto")), []);
        assert_eq!(check("scep-proto", Dependency::normal("bytes")), []);
    }

    #[test]
    fn upwards_and_sideways_are_found() {
        for (name, dependency) in [
            ("scep-types", "scep-proto"),
            ("scep-ca", "scep-proto"),
            ("scep-store", "scep-ca"),
            ("scep-server", "scep-crypto"),
            ("scep-client", "scepd"),
            ("scep-cli", "scepd"),
        ] {
            let findings = check(name, Dependency::normal(dependency));
            assert_eq!(findings.len(), 1, "{name} on {dependency}");
            assert!(findings[0].place.starts_with(name));
        }
    }

    #[test]
    fn crypto_by_a_feature_is_fine_in_intune_challenge_alone() {
        assert_eq!(check("intune-challenge", Dependency::optional("scep-crypto")), []);
        assert_eq!(check("intune-challenge", Dependency::normal("scep-crypto")).len(), 1);
        assert_eq!(check("scep-ca", Dependency::optional("scep-crypto")).len(), 1);
    }

    #[test]
    fn tests_may_use_what_is_no_adapter() {
        assert_eq!(check("scep-proto", Dependency::dev("scep-crypto")), []);
        assert_eq!(check("scep-server", Dependency::dev("scepd")), []);
        assert_eq!(check("scep-proto", Dependency::dev("scep-store")).len(), 1);
    }

    #[test]
    fn a_crate_without_a_shelf_is_found() {
        let findings = check("scep-extra", Dependency::normal("bytes"));
        assert_eq!(problems(&findings), ["crate without a shelf"]);
    }
}

mod pure_crates_are_pure {
    use super::*;

    const ROOT: &str = "#![forbid(unsafe_code)]\n";

    fn check(body: &str) -> Vec<Finding> {
        purity(&[SourceFile::new("crates/scep-proto/src/lib.rs", &format!("{ROOT}{body}"))], &[])
    }

    #[test]
    fn each_impurity_is_found_with_its_line() {
        for body in [
            "use std::fs;",
            "use std::{fmt, fs};",
            "use std::fs::{self};",
            "use std::env as environment;",
            "use std::net::TcpStream;",
            "use std::net::*;",
            "use std::time::{Duration, SystemTime};",
            "use std::time::Instant as Clock;",
            "fn f() { let _ = SystemTime::now(); }",
            "fn f() { std::thread::spawn(|| ()); }",
            "fn f() { let _ = std::process::Command::new(\"x\"); }",
            "fn f() { let _ = std::io::stdin(); }",
            "fn f() { println!(); }",
            "fn f() { let _ = format!(\"{:?}\", std::env::args()); }",
            "use tokio::sync::Mutex;",
            "fn f() { let _ = rand::random::<u8>(); }",
            "fn f() { let _ = getrandom::fill(&mut []); }",
            "fn f() { let _ = aws_lc_rs::digest::SHA256; }",
            "async fn f() {}",
            "trait T { async fn f(); }",
            "fn f() -> impl Future { async {} }",
        ] {
            let findings = check(body);
            assert_eq!(places(&findings), ["crates/scep-proto/src/lib.rs:2"], "{body}");
        }
    }

    #[test]
    fn what_is_pure_is_fine() {
        let body = "
            //! println!(\"{}\", std::env::args());
            use std::net::{IpAddr, Ipv4Addr};
            use std::time::Duration;
            /// Call `SystemTime::now` yourself.
            fn f(now: i64, ring: u8) -> &'static str { let _ = ring; \"tokio::spawn std::fs\" }
            #[cfg(test)]
            mod tests { use std::fs; }
        ";
        assert_eq!(check(body), []);
    }

    #[test]
    fn other_crates_may_do_all_of_it() {
        let file = SourceFile::new("crates/scep-store/src/lib.rs", "use std::fs;");
        let test = SourceFile::new("crates/scep-proto/tests/files.rs", "use std::fs;");
        assert_eq!(purity(&[file, test], &[]), []);
    }

    #[test]
    fn unsafe_code_must_be_forbidden_in_the_root() {
        for root in ["", "#![deny(unsafe_code)]", "// #![forbid(unsafe_code)]"] {
            let file = SourceFile::new("crates/scep-ca/src/lib.rs", root);
            assert_eq!(problems(&purity(&[file], &[])), ["unsafe code is not forbidden"]);
        }
    }

    #[test]
    fn clippy_settings_must_be_there_and_the_same() {
        let settings = |texts: [Option<&str>; 2]| {
            let files = [("a/clippy.toml", texts[0]), ("b/clippy.toml", texts[1])];
            let owned = files.map(|(path, text)| (path.to_owned(), text.map(str::to_owned)));
            places(&purity(&[], &owned)).join(" ")
        };
        assert_eq!(settings([Some("x"), Some("x")]), "");
        assert_eq!(settings([Some("x"), Some("y")]), "b/clippy.toml");
        assert_eq!(settings([Some("x"), None]), "b/clippy.toml");
        assert_eq!(settings([None, None]), "a/clippy.toml b/clippy.toml");
    }

    #[test]
    fn forbidden_packages_are_found_anywhere_in_the_tree() {
        let tree = "scep-ca v0.1.0 (/somewhere)\nbytes v1.0.0\nring v0.17.0\nring v0.17.0 (*)\n";
        assert_eq!(problems(&dependency_tree("scep-ca", tree)), ["ring is in the dependency tree"]);
        assert_eq!(dependency_tree("scep-ca", "scep-ca v0.1.0\nstring-cache v1.0.0"), []);
    }
}

mod sizes_stay_below_their_ceilings {
    use super::*;

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    ();\n".repeat(lines - 2))
    }

    fn check(text: &str, exceptions: &str) -> Vec<Finding> {
        sizes(
            &[SourceFile::new("crates/x/src/a.rs", text)],
            &Exceptions::parse(exceptions).unwrap(),
        )
    }

    #[test]
    fn a_function_may_have_60_lines() {
        assert_eq!(check(&function("f", 60), ""), []);
        let findings = check(&format!("\n{}", function("f", 61)), "");
        assert_eq!(places(&findings), ["crates/x/src/a.rs:2"]);
        assert_eq!(problems(&findings), ["fn f of 61 lines, ceiling 60"]);
    }

    #[test]
    fn methods_and_provided_methods_count_docs_and_attributes_do_not() {
        let long = function("f", 61);
        let findings =
            check(&format!("struct S;\nimpl S {{\n{long}}}\ntrait T {{\n{long}}}\n"), "");
        let expected = ["fn S::f of 61 lines, ceiling 60", "fn T::f of 61 lines, ceiling 60"];
        assert_eq!(problems(&findings), expected);
        let documented = format!("{}#[inline]\n{}", "/// Line.\n".repeat(40), function("f", 60));
        assert_eq!(check(&documented, ""), []);
    }

    #[test]
    fn a_file_may_have_800_lines() {
        assert_eq!(check(&"//\n".repeat(800), ""), []);
        let findings = check(&"//\n".repeat(801), "");
        assert_eq!(problems(&findings), ["file of 801 lines, ceiling 800"]);
    }

    #[test]
    fn files_over_400_lines_are_listed() {
        let files = [400, 401, 700]
            .map(|lines| SourceFile::new(&format!("{lines}.rs"), &"//\n".repeat(lines)));
        let expected = ["700.rs has 700 lines, aim 400", "401.rs has 401 lines, aim 400"];
        assert_eq!(long_files(&files), expected);
    }

    #[test]
    fn an_exception_allows_its_lines_and_no_more() {
        let exception = |lines: usize| {
            format!(
                "[[function]]\npath = 'crates/x/src/a.rs'\nname = 'f'\nlines = {lines}\nreason = 'r'"
            )
        };
        assert_eq!(check(&function("f", 70), &exception(70)), []);
        assert_eq!(check(&function("f", 71), &exception(70)).len(), 1);
        let file = "[[file]]\npath = 'crates/x/src/a.rs'\nlines = 900\nreason = 'r'";
        assert_eq!(check(&"//\n".repeat(900), file), []);
        assert_eq!(check(&"//\n".repeat(901), file).len(), 1);
    }

    #[test]
    fn an_exception_that_is_not_needed_or_not_explained_is_found() {
        let entry = "path = 'crates/x/src/a.rs'\nlines = 900\nreason = ";
        let stale = check("//\n", &format!("[[file]]\n{entry}'r'"));
        assert_eq!(problems(&stale), ["exception for crates/x/src/a.rs is not needed"]);
        let stale = check(&function("g", 61), &format!("[[function]]\nname = 'f'\n{entry}'r'"));
        assert_eq!(stale.len(), 2, "the entry and the function it does not name");
        let silent = check(&"//\n".repeat(801), &format!("[[file]]\n{entry}' '"));
        assert_eq!(problems(&silent), ["exception for crates/x/src/a.rs has no reason"]);
    }
}

mod manifests_inherit {
    use super::*;

    fn check(text: &str) -> Vec<Finding> {
        manifests(&[Manifest {
            path: "crates/x/Cargo.toml".to_owned(),
            package: "x".to_owned(),
            text: text.to_owned(),
        }])
    }

    const LINTS: &str = "[lints]\nworkspace = true\n";

    #[test]
    fn a_proper_manifest_is_fine() {
        let dependencies = "[dependencies]\nbytes.workspace = true # slices\n\
            serde = { workspace = true, optional = true } # shapes\n\
            [dev-dependencies]\nproptest.workspace = true\n";
        assert_eq!(check(&format!("{LINTS}{dependencies}")), []);
    }

    #[test]
    fn lints_of_ones_own_are_found() {
        assert_eq!(problems(&check("")), ["lints are not inherited"]);
        assert_eq!(
            problems(&check("[lints.rust]\nunsafe_code = 'deny'")),
            ["lints are not inherited"]
        );
    }

    #[test]
    fn versions_and_sources_of_ones_own_are_found() {
        for entry in [
            "bytes = '1' # slices",
            "bytes = { version = '1' } # slices",
            "bytes = { path = '../bytes' } # slices",
            "bytes = { workspace = true, version = '1' } # slices",
        ] {
            let findings = check(&format!("{LINTS}[dependencies]\n{entry}\n"));
            assert_eq!(problems(&findings), ["bytes does not come from the workspace"], "{entry}");
            assert_eq!(places(&findings), ["crates/x/Cargo.toml:4"]);
        }
        let tests = check(&format!("{LINTS}[dev-dependencies]\nproptest = '1'\n"));
        assert_eq!(tests.len(), 1);
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let findings = check(&format!("{LINTS}[dependencies]\nbytes.workspace = true\n"));
        assert_eq!(problems(&findings), ["bytes has no reason behind it"]);
    }

    #[test]
    fn a_folder_named_otherwise_is_found() {
        let misnamed = Manifest {
            path: "crates/y/Cargo.toml".to_owned(),
            package: "x".to_owned(),
            text: LINTS.to_owned(),
        };
        assert_eq!(problems(&manifests(&[misnamed])), ["folder is not named x"]);
    }
}

mod claims_are_reviewed {
    use super::*;

    const CALL: &str = "fn admit() { let _ = Authorization::assertion(&csr, basis, names); }";

    fn check(path: &str, text: &str, reviewed: &str) -> Vec<Finding> {
        claims(&[SourceFile::new(path, text)], &Claim::parse_all(reviewed).unwrap())
    }

    fn entry(function: &str) -> String {
        format!(
            "[[claim]]\npath = 'crates/x/src/a.rs'\nfunction = '{function}'\nestablished = 'all'\n"
        )
    }

    #[test]
    fn a_listed_claim_is_fine_and_a_new_one_is_found() {
        assert_eq!(check("crates/x/src/a.rs", CALL, &entry("admit")), []);
        let findings = check("crates/x/src/a.rs", CALL, "");
        assert_eq!(places(&findings), ["crates/x/src/a.rs:1"]);
    }

    #[test]
    fn no_spelling_hides_a_claim() {
        for text in [
            "fn f() { let _ = csr.map(Authorization::assertion); }",
            "use scep_types::Authorization as Proof;\nfn f() { Proof::assertion(a, b, c); }",
            "fn f() { vec![scep_types::Authorization::assertion(a, b, c)]; }",
            "impl T { fn f() { || scep_types::Authorization::assertion(a, b, c); } }",
        ] {
            let findings = check("crates/x/src/a.rs", text, "");
            let expected = ["authorisation claimed in fn f, not reviewed"];
            assert_eq!(problems(&findings), expected, "{text}");
        }
    }

    #[test]
    fn an_entry_stands_for_one_call() {
        let twice = "fn admit() { A::assertion(a, b, c); A::assertion(a, b, c); }";
        assert_eq!(check("crates/x/src/a.rs", twice, &entry("admit")).len(), 1);
        assert_eq!(check("crates/x/src/a.rs", twice, &entry("admit").repeat(2)), []);
    }

    #[test]
    fn an_entry_without_a_call_or_a_reason_is_found() {
        let findings = check("crates/x/src/a.rs", CALL, &(entry("admit") + &entry("gone")));
        assert_eq!(problems(&findings), ["no claim in crates/x/src/a.rs fn gone"]);
        let silent = entry("admit").replace("'all'", "''");
        assert_eq!(check("crates/x/src/a.rs", CALL, &silent).len(), 1);
    }

    #[test]
    fn a_file_that_only_tests_are_built_from_may_claim() {
        let check = |parent: &str, declaration: &str| {
            let files = [
                SourceFile::new(parent, declaration),
                SourceFile::new("crates/x/src/lint/tests.rs", CALL),
            ];
            claims(&files, &[]).len()
        };
        assert_eq!(check("crates/x/src/lint.rs", "#[cfg(test)]\nmod tests;"), 0);
        assert_eq!(check("crates/x/src/lint/mod.rs", "#[cfg(test)]\nmod tests;"), 0);
        assert_eq!(check("crates/x/src/lint.rs", "mod tests;"), 1);
        assert_eq!(check("crates/x/src/other.rs", "#[cfg(test)]\nmod tests;"), 1);
    }

    #[test]
    fn tests_may_claim() {
        assert_eq!(check("crates/x/tests/a.rs", CALL, ""), []);
        let inside = format!("#[cfg(test)]\nmod tests {{ {CALL} }}");
        assert_eq!(check("crates/x/src/a.rs", &inside, ""), []);
    }
}
