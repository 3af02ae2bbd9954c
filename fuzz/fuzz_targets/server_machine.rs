//! Whatever sequence of requests against one store: never two certificates for one challenge, never an answer to the wrong
//! key, transaction or nonce.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scep_fuzz::{World, answer, concerns, steps};

fuzz_target!(|data: &[u8]| {
    let mut world = World::new();
    for step in steps(data).take(32) {
        let request = world.request(&step);
        // The endpoint's answer, and that of a host that grants whatever opens, by password too.
        let mut replies = [world.answer(&request), answer(&request)].into_iter().flatten();
        assert!(replies.all(|reply| concerns(&reply, &request)));
        assert!(world.most_for_a_challenge() <= 1);
    }
});
