use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread::{available_parallelism, scope};

use crate::error::Error;

/// Does the same with each item, on all cores; what comes of them, in their order, or the first failure.
pub(super) fn on_all_cores<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let share = items.len().div_ceil(cores).max(1);
    let work = &work;
    scope(|scope| {
        let threads: Vec<_> = items
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(work).collect::<Result<Vec<_>, _>>()))
            .collect();
        let mut all = Vec::with_capacity(items.len());
        for thread in threads {
            all.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(all)
    })
}

#[cfg(test)]
mod tests {
    use scep_types::CryptoError;

    use super::*;

    #[test]
    fn what_comes_of_the_items_is_in_their_order() {
        let items: Vec<_> = (0..1_000).collect();
        assert_eq!(on_all_cores(&items, |item| Ok(item * 2)).unwrap()[999], 1_998);
        assert_eq!(on_all_cores(&[0; 0], |_| Ok(())).unwrap(), []);
    }

    #[test]
    fn a_failure_is_not_lost() {
        let failing = |item: &i32| match item {
            7 => Err(Error::Crypto(CryptoError::Unsupported)),
            item => Ok(*item),
        };
        let items: Vec<_> = (0..100).collect();
        let failed = on_all_cores(&items, failing);
        assert_eq!(failed, Err(Error::Crypto(CryptoError::Unsupported)));
    }
}
