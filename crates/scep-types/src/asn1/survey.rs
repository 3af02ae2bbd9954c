use super::reader::Header;
use super::{Asn1Error, Tag};

/// Bounds on one ASN.1 input, checked before anything in it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets in all.
    pub size: usize,
    /// Levels of constructed elements.
    pub depth: usize,
    /// Elements in all, string segments among them.
    pub elements: usize,
}

impl Limits {
    /// What a pkiMessage may be: 256 KiB, 24 levels, 8,192 elements (Windows sends 7.3 kB, Apple segments of 1,000 octets).
    pub const MESSAGE: Self = Self { size: 256 * 1024, depth: 24, elements: 8_192 };
}

/// Walks the first element of `input` and all elements inside it once, without descending into primitive
/// content, and returns the length of that element in octets.
///
/// After a survey a [`Reader`](super::Reader) over the same octets does bounded work: it never meets more
/// than `limits.elements` elements or `limits.depth` levels.
///
/// # Errors
/// A limit is exceeded, or a header is cut off or malformed.
pub fn survey(input: &[u8], limits: Limits) -> Result<usize, Asn1Error> {
    if input.len() > limits.size {
        return Err(Asn1Error::TooLarge { size: input.len(), limit: limits.size });
    }
    let mut elements = 0_usize;
    walk(input, limits.depth, &mut |_| {
        elements = elements.saturating_add(1);
        if elements > limits.elements {
            return Err(Asn1Error::TooManyElements { limit: limits.elements });
        }
        Ok(())
    })
}

/// The end of the element at the start of `input`, in octets from its start.
pub(super) fn end_of_element(input: &[u8]) -> Result<usize, Asn1Error> {
    walk(input, Limits::MESSAGE.depth, &mut |_| Ok(()))
}

/// Walks one element, calling `visit` with each header; returns where the element ends.
///
/// Definite lengths are descended into as well, so that depth and count hold for DER and BER alike.
fn walk(
    input: &[u8],
    max_depth: usize,
    visit: &mut dyn FnMut(&Header) -> Result<(), Asn1Error>,
) -> Result<usize, Asn1Error> {
    let mut open = Open::new();
    let mut at = 0_usize;
    loop {
        let bound = open.innermost().map_or(input.len(), |level| level.bound);
        let rest = input.get(at..bound).unwrap_or_default();
        let header = Header::parse(rest)?;
        visit(&header)?;
        at = at.saturating_add(header.size);
        match (header.tag, header.constructed, header.length) {
            // Exactly two octets: Reader cuts off as many, so a padded length must not pass for it.
            (Tag::END_OF_CONTENTS, false, Some(0))
                if header.size == 2
                    && open.innermost().is_some_and(|level| level.end.is_none()) =>
            {
                open.pop();
            }
            (_, false, None) => return Err(Asn1Error::InvalidLength),
            (_, false, Some(length)) => at = skip(at, length, bound)?,
            (_, true, length) => {
                let end = length.map(|length| skip(at, length, bound)).transpose()?;
                open.push(Level { end, bound: end.unwrap_or(bound) }, max_depth)?;
            }
        }
        while open.innermost().is_some_and(|level| level.end == Some(at)) {
            open.pop();
        }
        if open.innermost().is_none() {
            return Ok(at);
        }
    }
}

/// Levels of constructed elements that any [`Limits`] may allow.
const MAX_DEPTH: usize = 32;

/// The constructed elements around a place, on the stack: each indefinite length is walked to find its end.
struct Open {
    levels: [Level; MAX_DEPTH],
    depth: usize,
}

#[derive(Clone, Copy)]
struct Level {
    /// Where it ends; `None` for an indefinite length.
    end: Option<usize>,
    /// Where it ends at the latest.
    bound: usize,
}

impl Open {
    const fn new() -> Self {
        Self { levels: [Level { end: None, bound: 0 }; MAX_DEPTH], depth: 0 }
    }

    /// The innermost element; `None` outside of all.
    fn innermost(&self) -> Option<&Level> {
        self.levels.get(self.depth.checked_sub(1)?)
    }

    fn push(&mut self, level: Level, max_depth: usize) -> Result<(), Asn1Error> {
        let limit = max_depth.min(MAX_DEPTH);
        match self.levels.get_mut(self.depth).filter(|_| self.depth < limit) {
            Some(place) => *place = level,
            None => return Err(Asn1Error::TooDeep { limit }),
        }
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}

fn skip(at: usize, length: usize, bound: usize) -> Result<usize, Asn1Error> {
    match at.checked_add(length) {
        Some(end) if end <= bound => Ok(end),
        _ => Err(Asn1Error::Truncated { needed: length, available: bound.saturating_sub(at) }),
    }
}
