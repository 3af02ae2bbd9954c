//! Many devices at once: messages made beforehand, sent as fast as they are answered, the answers judged afterwards, so that
//! the time measured is the server's and not ours.

mod cores;
mod cpu;
mod fleet;
mod load;
mod place;
mod report;
mod verdict;

pub(crate) use cpu::ServerCpu;
pub(crate) use fleet::{Challenges, Fleet, Mint, Plan};
pub(crate) use load::run;
pub(crate) use place::is_loopback;
pub(crate) use report::Report;
pub(crate) use verdict::judge;
