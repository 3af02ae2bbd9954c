//! A SCEP client: the enrolment driver over HTTP.
