//! Checks of this repository that neither the compiler nor clippy makes.
//!
//! Each rule is a function from what was read to [`Finding`]s; reading is done by [`Workspace::load`] alone, so that
//! tests hand in workspaces made of strings.

mod finding;
mod mutants;
mod rules;
mod source;
mod workspace;

pub use finding::{Finding, Outcome};
pub use mutants::{
    Function, Genre, Mutant, Place, Report, Span, Survivor, Verdict, Woven, apply, mutants, sample,
    weave,
};
pub use rules::arrows::{arrows, uses};
pub use rules::claims::{Claim, claims};
pub use rules::conformance::{Conformance, Exempt, Row, conformance, parse_rows};
pub use rules::manifests::manifests;
pub use rules::purity::{PURE_CRATES, dependency_tree, purity};
pub use rules::sizes::{Exceptions, FileException, FunctionException, long_files, sizes};
pub use source::SourceFile;
pub use workspace::{Dependency, Manifest, Member, Workspace};
