//! Looking for secrets, in whatever form something may have printed them.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use intune_sim::Simulator;
use scep_test::canaries;
use scep_types::Csr;

/// So many octets of a secret in a row give it away.
const TELLING: usize = 12;
/// Octets that differ in what is telling; less is padding.
const VARIED: u32 = 6;

/// Pieces of secrets, none of which may occur anywhere.
pub(crate) struct Secrets {
    pieces: HashSet<u128, BuildHasherDefault<Mixer>>,
    known: HashSet<String>,
    /// How many were known when structure was left out.
    settled: usize,
    /// A bit for each piece, so that few texts are looked up.
    bits: Vec<bool>,
}

impl Default for Secrets {
    fn default() -> Self {
        Self {
            pieces: HashSet::default(),
            known: HashSet::new(),
            settled: 0,
            bits: vec![false; 1 << BITS],
        }
    }
}

impl Secrets {
    /// Adds a secret: as it is, percent-encoded, in base64 at each alignment, in hexadecimal.
    pub(crate) fn add(&mut self, secret: &str) {
        assert!(secret.len() >= TELLING, "a secret of {} characters", secret.len());
        if !self.known.insert(secret.to_owned()) {
            return;
        }
        let octets = secret.as_bytes();
        let mut forms =
            vec![secret.to_owned(), percent(octets), hex(octets), hex(octets).to_uppercase()];
        for skipped in 0..3 {
            // What precedes it shifts it; the first characters depend on that, the last on what follows.
            let shifted = [&b"\0\0"[..skipped], octets].concat();
            for text in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
                forms.push(text[4..text.len() - 1].to_owned());
            }
        }
        forms.sort_unstable();
        forms.dedup(); // base64 has two alphabets, which often say the same
        for form in forms {
            for (piece, _) in pieces(form.as_bytes()).filter(|(piece, _)| is_varied(*piece)) {
                self.bits[bit(piece)] = true;
                self.pieces.insert(piece);
            }
        }
    }

    /// Adds the challenges, tokens and credentials that a simulator has seen so far.
    pub(crate) fn add_all_of(&mut self, simulator: &Simulator) {
        for request in simulator.requests() {
            let bearer = request.header("authorization").unwrap_or_default();
            let body = request.json();
            let of = |member: &str| body[member]["certificateRequest"].as_str().map(str::to_owned);
            let csr = of("request").or_else(|| of("notification")).unwrap_or_default();
            let csr = Csr::parse(STANDARD.decode(csr).unwrap());
            let challenge =
                csr.ok().and_then(|csr| Some(csr.challenge_password()?.expose().to_owned()));
            let token = bearer.trim_start_matches("Bearer ").to_owned();
            let secrets = challenge.into_iter().chain([token]);
            secrets.filter(|secret| secret.len() >= TELLING).for_each(|secret| self.add(&secret));
        }
        self.add(canaries::CLIENT_SECRET);
        if self.known.len() != self.settled {
            // What another challenge has, too, is its structure.
            let mut structure = Self::default();
            let another = simulator.mint_challenge("device-1", "profile-1").unwrap();
            structure.add(another.challenge().expose());
            self.except(&structure);
            self.settled = self.known.len();
        }
    }

    /// Leaves out what another secret of the same kind has, too: that is its structure.
    fn except(&mut self, other: &Self) {
        self.pieces.retain(|piece| !other.pieces.contains(piece));
    }

    /// The first piece of a secret in a text, or in a list of decimal numbers in it.
    pub(crate) fn first_in(&self, text: &[u8]) -> Option<String> {
        self.first_as_it_is(text).or_else(|| {
            let other = |octet: &u8| !matches!(octet, b'0'..=b'9' | b',' | b' ');
            let lists = text.split(other).filter(|list| list.len() > 3 * TELLING);
            lists.into_iter().find_map(|list| self.first_as_it_is(&numbers(list)))
        })
    }

    fn first_as_it_is(&self, text: &[u8]) -> Option<String> {
        let is_secret = |piece| self.bits[bit(piece)] && self.pieces.contains(&piece);
        let (_, end) = pieces(text).find(|(piece, _)| is_secret(*piece))?;
        let around = end.saturating_sub(100)..(end + 50).min(text.len());
        Some(String::from_utf8_lossy(&text[around]).into_owned())
    }
}

/// Each piece of a text as a number, and where it ends.
fn pieces(text: &[u8]) -> impl Iterator<Item = (u128, usize)> {
    let mut piece = 0_u128;
    let rolled = text.iter().enumerate().map(move |(at, octet)| {
        piece = (piece << 8 | u128::from(*octet)) & ((1 << (8 * TELLING)) - 1);
        (piece, at + 1)
    });
    rolled.skip(TELLING - 1)
}

fn is_varied(piece: u128) -> bool {
    let seen = (0..TELLING).fold([0_u128; 2], |mut seen, at| {
        let octet = (piece >> (8 * at)) as u8;
        seen[usize::from(octet >> 7)] |= 1 << (octet & 0x7F);
        seen
    });
    seen[0].count_ones() + seen[1].count_ones() >= VARIED
}

const BITS: u32 = 20;

fn bit(piece: u128) -> usize {
    (mixed(piece) >> (64 - BITS)) as usize
}

fn mixed(piece: u128) -> u64 {
    (piece as u64 ^ (piece >> 48) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Cheap: millions of pieces are looked up.
#[derive(Default)]
pub(crate) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("pieces are numbers");
    }

    fn write_u128(&mut self, piece: u128) {
        self.0 = mixed(piece).rotate_left(32);
    }
}

/// `[77, 73, 73]` as octets.
fn numbers(list: &[u8]) -> Vec<u8> {
    let texts = list.split(|octet| *octet == b',').map(|text| str::from_utf8(text).unwrap());
    texts.filter_map(|text| text.trim().parse().ok()).collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn percent(octets: &[u8]) -> String {
    octets
        .iter()
        .map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(*octet).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[test]
fn a_secret_is_found_in_each_of_its_forms() {
    let secret = canaries::CLIENT_SECRET;
    let mut secrets = Secrets::default();
    secrets.add(secret);
    let octets = secret.as_bytes();
    for form in [
        secret.to_owned(),
        secret[5..17].to_owned(),
        hex(octets),
        hex(octets).to_uppercase(),
        percent(octets),
        STANDARD_NO_PAD.encode(octets),
        STANDARD_NO_PAD.encode(format!("x{secret}y")),
        URL_SAFE_NO_PAD.encode(format!("xy{secret}z")),
        format!("{octets:?}"),
    ] {
        assert!(secrets.first_in(format!("before {form} after").as_bytes()).is_some(), "{form}");
    }
    assert_eq!(secrets.first_in(b"nothing at all of the kind, not even kQ8~wV3nZr7"), None);
}
