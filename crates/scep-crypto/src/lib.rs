//! The crypto provider and software keys: aws-lc-rs (default) and ring.
