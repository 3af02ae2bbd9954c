use axum::Router;

use super::ScepService;
use crate::{Error, Misconfigured};

/// A router with each endpoint at its own path; merge it into another, or [`serve`](crate::serve) it.
///
/// An endpoint at `/scep` answers at `/scep`, `/scep/`, `/scep/pkiclient.exe` and `/scep/cgi-bin/pkiclient.exe`, the
/// file name in any case; devices append it to whatever they are told. One at `/` is the router's fallback.
///
/// # Errors
/// [`Misconfigured::SamePath`].
pub fn router(services: impl IntoIterator<Item = ScepService>) -> Result<Router, Error> {
    let mut paths: Vec<String> = Vec::new();
    let mut router = Router::new();
    for service in services {
        let path = service.endpoint().path().to_owned();
        if paths.contains(&path) {
            return Err(Misconfigured::SamePath(path).into());
        }
        router = match path.as_str() {
            "/" => router.fallback_service(service),
            path => router.nest_service(path, service),
        };
        paths.push(path);
    }
    Ok(router)
}
