use crate::mutants::Mutant;

/// `count` mutants that a seed picks: those of the smallest hashes, so that a change of the code changes the sample little.
#[must_use]
pub fn sample(mut all: Vec<Mutant>, seed: u64, count: usize) -> Vec<Mutant> {
    all.sort_by_cached_key(|mutant| (rank(seed, &mutant.name), mutant.name.clone()));
    all.truncate(count);
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// FNV-1a over seed and name, mixed once more since its upper bits depend on the last octets too little.
fn rank(seed: u64, name: &str) -> u64 {
    let octets = seed.to_be_bytes().into_iter().chain(name.bytes());
    let hash = octets.fold(0xCBF2_9CE4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01B3)
    });
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    mixed ^ (mixed >> 33)
}
