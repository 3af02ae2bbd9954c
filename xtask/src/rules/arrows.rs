use crate::rules::purity::PURE_CRATES;
use crate::{Finding, Member};

/// What a crate may use of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uses {
    /// These, and as optional dependencies those.
    Only {
        /// Always.
        always: &'static [&'static str],
        /// Where a feature asks for it.
        by_feature: &'static [&'static str],
    },
    /// Everything below the programs.
    AnyLibrary,
    /// Everything.
    Anything,
}

const ADD_SHELF: &str =
    "give the crate its shelf in xtask/src/rules/arrows.rs and in ARCHITECTURE.md";
const TURN_ARROW: &str = "move the shared part down a shelf, or hand it in as an argument";

/// Crates that carry or wire; a pure crate may not name them even in its tests.
const ABOVE_PURE: [&str; 7] = [
    "scep-store",
    "intune-client",
    "scep-server",
    "scep-client",
    "intune-sim",
    "scepd",
    "scep-cli",
];

const PROGRAMS: [&str; 2] = ["scepd", "scep-cli"];
const UNPUBLISHED: [&str; 4] = ["scep-test", "scep-examples", "scep-benches", "xtask"];

/// What the crate of this name may use, or `None` if it has no shelf yet: the table of ARCHITECTURE.md.
#[must_use]
pub fn uses(name: &str) -> Option<Uses> {
    let only = |always| Some(Uses::Only { always, by_feature: &[] });
    match name {
        // vocabulary
        "scep-types" | "xtask" => only(&[]),
        // crypto
        "scep-crypto" => only(&["scep-types"]),
        // pure
        "scep-proto" | "scep-ca" => only(&["scep-types"]),
        // The one crate that works alone: its opt-out default feature brings a crypto backend.
        "intune-challenge" => {
            Some(Uses::Only { always: &["scep-types"], by_feature: &["scep-crypto"] })
        }
        // adapters
        "scep-store" => only(&["scep-types"]),
        "intune-client" => only(&["scep-types", "intune-challenge"]),
        "scep-server" => only(&[
            "scep-types",
            "scep-proto",
            "intune-challenge",
            "scep-ca",
            "scep-store",
            "intune-client",
        ]),
        "scep-client" => only(&["scep-types", "scep-proto"]),
        // Written from the wire alone: no arrow to the codec and the caller that are tested against it.
        "intune-sim" => Some(Uses::Only {
            always: &["scep-types", "scep-proto"],
            by_feature: &["scep-crypto"], // its program makes keys
        }),
        // programs
        "scepd" | "scep-cli" => Some(Uses::AnyLibrary),
        // unpublished
        "scep-test" | "scep-examples" | "scep-benches" => Some(Uses::Anything),
        _ => None,
    }
}

/// Finds each dependency between members that ARCHITECTURE.md does not allow.
#[must_use]
pub fn arrows(members: &[Member]) -> Vec<Finding> {
    members.iter().flat_map(|member| member_arrows(member, members)).collect()
}

fn member_arrows(member: &Member, members: &[Member]) -> Vec<Finding> {
    let place = format!("{} (Cargo.toml)", member.name);
    let Some(allowed) = uses(&member.name) else {
        return vec![Finding::in_file(&place, "crate without a shelf", ADD_SHELF)];
    };
    let ours = |name: &str| members.iter().any(|other| other.name == name);
    let mut findings = Vec::new();
    for dependency in member.dependencies.iter().filter(|dependency| ours(&dependency.name)) {
        let name = dependency.name.as_str();
        let is_allowed = match dependency.kind.as_deref() {
            Some("dev") => {
                !(PURE_CRATES.contains(&member.name.as_str()) && ABOVE_PURE.contains(&name))
            }
            _ => allowed.admits(name, dependency.optional),
        };
        if !is_allowed {
            let kind = dependency.kind.as_deref().unwrap_or("normal");
            let problem = format!("{kind} dependency on {name} points upwards or sideways");
            findings.push(Finding::in_file(&place, problem, TURN_ARROW));
        }
    }
    findings
}

impl Uses {
    fn admits(self, name: &str, is_optional: bool) -> bool {
        match self {
            Self::Only { always, by_feature } => {
                always.contains(&name) || (is_optional && by_feature.contains(&name))
            }
            Self::AnyLibrary => !PROGRAMS.contains(&name) && !UNPUBLISHED.contains(&name),
            Self::Anything => true,
        }
    }
}
