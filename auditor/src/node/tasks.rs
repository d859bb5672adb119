//! What runs beside the desks until the node ends.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::alert::Sender;
use crate::alert::channel::Channel;
use crate::alert::courier::{self, Courier};
use crate::clock::Clock;
use crate::config::Config;
use crate::dashboard::{Herald, Hub};
use crate::desk::Handle;
use crate::heartbeat;
use crate::pulse::{Disk, Pulse, Watcher};
use crate::store::Store;

/// Tasks that end when they are told to.
#[derive(Debug)]
pub(super) struct Tasks {
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) list: Vec<JoinHandle<()>>,
}

impl Tasks {
    /// None yet.
    pub(super) fn new(stopped: watch::Receiver<bool>) -> Self {
        Self {
            stopped,
            list: Vec::new(),
        }
    }

    /// Starts one.
    pub(super) fn add(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.list.push(tokio::spawn(task));
    }

    /// One messenger a channel.
    pub(super) fn tell(&mut self, store: &Store, sender: &Sender, channels: Vec<Channel>) {
        for channel in channels {
            let courier = Courier::new(store.clone(), sender.clone(), channel, courier::LOOK);
            self.add(courier.work(self.stopped.clone()));
        }
    }

    /// The look at progress and at the disk, and the signs of life that hang on it.
    pub(super) fn look(
        &mut self,
        config: &Config,
        store: &Store,
        desks: Vec<Handle>,
        disk: Disk,
        hold: watch::Sender<bool>,
    ) -> watch::Receiver<Pulse> {
        let operations = &config.operations;
        let polls = Duration::from_millis(config.poll_interval_ms).saturating_mul(5);
        let (pulse, beats) = watch::channel(Pulse::default());
        let watcher = Watcher {
            store: store.clone(),
            desks,
            dir: config.dir.clone(),
            disk,
            min_free: operations.min_free,
            stall_after: operations.stall_after.max(polls),
            hold,
            pulse,
        };
        self.add(watcher.work(self.stopped.clone()));
        if let Some(beat) = operations.heartbeat.clone() {
            self.add(heartbeat::ping(beat, beats.clone(), self.stopped.clone()));
        }
        self.add(heartbeat::notify(beats.clone(), self.stopped.clone()));
        beats
    }

    /// What tells the open pages of news.
    pub(super) fn herald(
        &mut self,
        clock: &Clock,
        store: &Store,
        desks: &[Handle],
        pulse: &watch::Receiver<Pulse>,
    ) -> Hub {
        // Another life of this auditor remembers other events.
        let hub = Hub::new(&format!("{:x}", clock.now_ms()), self.stopped.clone());
        let herald = Herald::new(hub.clone(), store.clone(), desks.to_vec(), pulse.clone());
        self.add(herald.work(self.stopped.clone()));
        hub
    }

    /// Answers at a socket.
    pub(super) fn serve(&mut self, listener: TcpListener, router: Router) {
        let mut stop = self.stopped.clone();
        self.add(async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            let served = axum::serve(listener, service).with_graceful_shutdown(async move {
                // An error means that the node is gone.
                let _ = stop.wait_for(|stop| *stop).await;
            });
            if let Err(error) = served.await {
                tracing::error!(%error, "the HTTP server ended");
            }
        });
    }
}
