//! What runs beside the desks until the node ends.

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::alert::Sender;
use crate::alert::channel::Channel;
use crate::alert::courier::{self, Courier};
use crate::config::Config;
use crate::desk::Handle;
use crate::heartbeat;
use crate::http::{Bounds, serve};
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

    /// Answers at a socket.
    pub(super) fn serve(&mut self, listener: TcpListener, router: Router, bounds: Bounds) {
        self.add(serve(listener, router, bounds, self.stopped.clone()));
    }
}
