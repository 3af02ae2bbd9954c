pub(crate) mod arrows;
pub(crate) mod claims;
pub(crate) mod conformance;
pub(crate) mod manifests;
pub(crate) mod purity;
pub(crate) mod sizes;
