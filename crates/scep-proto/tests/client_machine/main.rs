//! The client's machine against a scripted server, on a virtual clock.

mod algorithms;
mod polling;
mod renewal;
mod replies;
mod start;
mod support;
mod transport;
