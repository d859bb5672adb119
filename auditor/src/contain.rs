//! Where a panic ends: with the future that made it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

/// The future's end, or `None` if it panicked.
pub(crate) async fn contained<F: Future>(mut future: Pin<Box<F>>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        // Unwind safety: after a panic the future is dropped unseen, and its state with it; what
        // it shared is the database, whose transactions end undone.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_end_like_another() {
        assert_eq!(contained(Box::pin(async { 1 })).await, Some(1));
        let panics = async {
            tokio::task::yield_now().await;
            assert!(std::hint::black_box(false), "planted");
        };
        assert_eq!(contained(Box::pin(panics)).await, None);
    }
}
