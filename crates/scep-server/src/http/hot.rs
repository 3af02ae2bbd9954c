use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::routing::future::RouteFuture;
use http::Request;
use tower::Service;

/// A router that is replaced as a whole between requests; clones share it.
///
/// A request ends with the router, and so the endpoints, that it began with. Endpoints keep their transactions over a
/// replacement if their names and their store stay.
#[derive(Clone)]
pub struct HotRouter(Arc<ArcSwap<Router>>);

impl HotRouter {
    /// Begins with this router.
    #[must_use]
    pub fn new(router: Router) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(router)))
    }

    /// Puts another in its place, for all requests from now on.
    pub fn replace(&self, router: Router) {
        self.0.store(Arc::new(router));
    }

    /// As a router, to be [`serve`](crate::serve)d or merged into another.
    pub fn to_router(&self) -> Router {
        Router::new().fallback_service(self.clone())
    }
}

impl Service<Request<Body>> for HotRouter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Router::clone(&self.0.load()).call(request)
    }
}

impl fmt::Debug for HotRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HotRouter(..)")
    }
}
