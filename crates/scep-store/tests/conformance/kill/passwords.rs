//! What children said of one-time passwords, and whether a database agrees with it.

use std::collections::{BTreeMap, BTreeSet};

use scep_store::{EnrolmentStore, OneTimePassword};

use super::{looks_at_all, world};

/// By the challenge of their key.
#[derive(Default)]
pub(crate) struct Passwords(BTreeMap<u64, Said>);

/// How far something was said to have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Stage {
    #[default]
    Untried,
    Tried,
    Answered,
}

#[derive(Debug, Clone, Copy, Default)]
struct Said {
    minted: Stage,
    withdrawn: Stage,
    /// A withdrawal came too late.
    used: Stage,
    /// When it was spoken of last.
    round: u64,
}

impl Passwords {
    pub(crate) fn note(&mut self, round: u64, word: &str, challenge: u64) {
        let said = self.0.entry(challenge).or_default();
        said.round = round;
        let (what, stage) = match word {
            "mint" => (&mut said.minted, Stage::Tried),
            "minted" => (&mut said.minted, Stage::Answered),
            "withdraw" => (&mut said.withdrawn, Stage::Tried),
            "withdrawn" => (&mut said.withdrawn, Stage::Answered),
            "used" => (&mut said.used, Stage::Answered),
            other => panic!("{other}"),
        };
        *what = stage.max(*what);
    }

    /// Holds the passwords that the round was about against what was said of them, and its shelf against them.
    pub(crate) async fn check(
        &mut self,
        store: &dyn EnrolmentStore,
        round: u64,
        issued: &BTreeMap<u64, u64>,
    ) {
        let mut live = BTreeSet::new();
        for (challenge, said) in &mut self.0 {
            if !(looks_at_all(round) || said.round == round) {
                continue;
            }
            let found = store.password(&world::password(*challenge).key).await.unwrap();
            said.check(*challenge, found.as_ref());
            let used = issued.contains_key(challenge);
            assert!(used || said.used == Stage::Untried, "password {challenge} was not used");
            if found.is_some_and(|found| found.withdrawn.is_none()) && !used {
                live.insert(*challenge);
            }
        }
        let of_round = live.split_off(&(round * world::CHALLENGES));
        let (shelf, now) = (world::shelf(round), world::check_time_of(round));
        let listed = store.list_passwords(&shelf, now).await.unwrap();
        let number = |listed: &OneTimePassword| listed.facts.id.as_str().parse::<u64>().unwrap();
        assert!(listed.len() <= world::LIVE_PASSWORDS, "{} are live", listed.len());
        assert_eq!(listed.iter().map(number).collect::<BTreeSet<_>>(), of_round);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.values().filter(|said| said.minted == Stage::Answered).count()
    }
}

impl Said {
    /// What was answered is so; what is so was tried, and stays.
    fn check(&mut self, challenge: u64, found: Option<&OneTimePassword>) {
        let Some(found) = found else {
            assert_ne!(self.minted, Stage::Answered, "password {challenge} was lost");
            return;
        };
        assert_ne!(self.minted, Stage::Untried, "password {challenge} was never minted");
        self.minted = Stage::Answered;
        let withdrawn = found.withdrawn;
        assert_eq!(*found, OneTimePassword { withdrawn, ..world::password(challenge) });
        match withdrawn {
            None => assert_ne!(self.withdrawn, Stage::Answered, "{challenge} is good again"),
            Some(_) => {
                assert_ne!(self.withdrawn, Stage::Untried, "nobody withdrew {challenge}");
                self.withdrawn = Stage::Answered;
            }
        }
    }
}
