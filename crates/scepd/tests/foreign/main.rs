//! Clients that others wrote, against `scepd demo`: each must be installed, and none is replaced by one of ours.

mod certmonger;
mod demo;
mod scepclient;
mod strongswan;
