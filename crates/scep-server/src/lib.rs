//! A SCEP server as a tower service: the enrolment pipeline over any store.
