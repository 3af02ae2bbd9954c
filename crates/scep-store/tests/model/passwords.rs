//! The verbs about one-time passwords, asked of the store.

use scep_store::{
    EndpointId, OneTimePassword, Operator, PasswordBinding, PasswordFacts, PasswordId,
    PasswordVerifier,
};
use scep_types::UnixTime;

use super::reference::{Password, Passwords, REMEMBER_UNTIL, Seen, TOLERANCE};
use super::{Op, Pair, begin, digest, done, failed};

impl Pair {
    pub(crate) async fn password(&mut self, op: &Op, now: UnixTime) -> Seen {
        match *op {
            Op::AddPassword(number, most) => {
                done(self.store.add_password(&password(number), most, now).await)
            }
            Op::WithdrawPassword(number) => {
                let endpoint = EndpointId::new("devices").unwrap();
                let key = password(number).key;
                match self.store.withdraw_password(&endpoint, &key, now).await {
                    Ok(withdrawn) => Seen::Withdrawn(withdrawn),
                    Err(error) => failed(&error),
                }
            }
            Op::Enrol(ask) => {
                let Some(number) = ask.challenge else { return Seen::Refused };
                let found = self.store.password(&password(number).key).await.unwrap();
                let good =
                    |found: OneTimePassword| found.withdrawn.is_none() && now < found.facts.expires;
                match found.is_some_and(good) {
                    true => {
                        let begun = self.store.begin(&begin(ask), now).await;
                        self.begun(begun)
                    }
                    false => Seen::Refused,
                }
            }
            _ => Seen::Nothing, // none about passwords
        }
    }

    /// All passwords as the store shows them.
    pub(crate) async fn passwords(&self) -> Passwords {
        if !self.reference.has_passwords() {
            return Passwords::default(); // they are not asked for in vain each time
        }
        let now = UnixTime::from_secs(self.reference.now);
        let mut known = Vec::new();
        for (number, ends) in REMEMBER_UNTIL.into_iter().enumerate() {
            let found = self.store.password(&password(number).key).await.unwrap();
            // One whose use is forgotten may be gone or not.
            if let Some(found) = found.filter(|_| self.reference.now <= ends + TOLERANCE) {
                let withdrawn = found.withdrawn;
                assert_eq!(found, OneTimePassword { withdrawn, ..password(number) });
                known.push(Password { number, withdrawn: withdrawn.map(UnixTime::as_secs) });
            }
        }
        let endpoint = EndpointId::new("devices").unwrap();
        let live = self.store.list_passwords(&endpoint, now).await.unwrap();
        let number = |listed: &OneTimePassword| listed.facts.id.as_str().parse().unwrap();
        Passwords { known, live: live.iter().map(number).collect() }
    }
}

fn password(number: usize) -> OneTimePassword {
    OneTimePassword {
        key: digest(3, number as u32),
        facts: PasswordFacts {
            id: PasswordId::new(&number.to_string()).unwrap(),
            endpoint: EndpointId::new("devices").unwrap(),
            minted_at: UnixTime::from_secs(0),
            expires: UnixTime::from_secs(REMEMBER_UNTIL[number]),
            minted_by: Operator::new("ann").unwrap(),
            binding: PasswordBinding::default(),
        },
        verifier: PasswordVerifier { salt: [7; 16], hash: digest(8, number as u32) },
        sealed: None,
        withdrawn: None,
    }
}
