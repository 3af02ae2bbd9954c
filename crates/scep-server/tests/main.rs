//! The endpoint through its HTTP service, asked by devices that speak `scep_proto::client`.

mod support;

mod config;
mod enrolment;
mod failure;
mod hostile;
mod http;
mod manual;
mod pool;
mod renewal;
mod tcp;
