//! The steps of a node, in the order in which it takes them. At one of them it dies by SIGKILL, or stops until it is told to go on.

use std::fmt;
use std::io::{BufRead as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// All steps from where counting begins.
pub(crate) struct Steps {
    stop: Option<Stop>,
    counting: AtomicBool,
    taken: AtomicUsize,
}

/// Where a node stops, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop {
    /// Counted from 0.
    pub(crate) at: usize,
    pub(crate) how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// kill -9 of itself: nothing of it runs any more, no destructor, no handler.
    Die,
    /// It says so, and waits for a line.
    Pause,
}

impl Steps {
    pub(crate) fn new(stop: Option<Stop>) -> Self {
        Self { stop, counting: AtomicBool::new(false), taken: AtomicUsize::new(0) }
    }

    /// From here on, or no longer.
    pub(crate) fn count(&self, counting: Counting) {
        self.counting.store(counting == Counting::Begins, Ordering::SeqCst);
    }

    /// Takes a step, if it is the one to stop at.
    pub(crate) fn take(&self, step: impl fmt::Display) {
        if !self.counting.load(Ordering::SeqCst) {
            return;
        }
        say(format_args!("step {step}"));
        let taken = self.taken.fetch_add(1, Ordering::SeqCst);
        match self.stop.filter(|stop| stop.at == taken).map(|stop| stop.how) {
            Some(How::Die) => die(),
            Some(How::Pause) => pause(),
            None => {}
        }
    }

    /// Does something between two steps.
    pub(crate) async fn around<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        self.take(format_args!("before {what}"));
        let done = work.await;
        self.take(format_args!("after {what}"));
        done
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    Begins,
    Ends,
}

/// One line in one write, so that a node that is killed leaves no half of one.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let line = format!("{SAID}{line}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

/// What a node says begins so; the test harness says other things.
pub(crate) const SAID: &str = "node: ";

/// The last step of all.
pub(crate) const ANSWER: &str = "before the answer leaves";

fn die() {
    use rustix::process::{Signal, getpid, kill_process};
    kill_process(getpid(), Signal::KILL).unwrap();
    loop {
        std::thread::sleep(Duration::from_secs(1)); // no step further
    }
}

fn pause() {
    say(format_args!("paused"));
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
}
