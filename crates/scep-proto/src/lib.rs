//! RFC 8894 without I/O: PKIMessage, GetCACaps, GetCACert, client and server.
