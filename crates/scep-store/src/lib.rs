//! Once-only enrolment state: challenges, transactions, rate limits, issued certificates.
