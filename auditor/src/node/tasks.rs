//! What runs beside the desks until the node ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use plainsight_door::Bounds;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::alert::Sender;
use crate::alert::channel::Channel;
use crate::alert::courier::{self, Courier};
use crate::clock::Clock;
use crate::clock::others::Others;
use crate::config::Config;
use crate::dashboard::{Herald, Hub};
use crate::desk::{Handle, Shared};
use crate::heartbeat;
use crate::pulse::{Disk, Pulse, Watcher};
use crate::rebuilds::{Rebuilds, Surroundings};
use crate::store::Store;
use crate::watch::Watches;

use super::keeper::Keeper;

/// Tasks that end when they are told to.
#[derive(Debug)]
pub(super) struct Tasks {
    pub(super) stopped: watch::Receiver<bool>,
    pulse: watch::Sender<Pulse>,
    store: Store,
    pub(super) list: Vec<JoinHandle<()>>,
}

impl Tasks {
    /// None yet.
    pub(super) fn new(stopped: watch::Receiver<bool>, store: Store) -> Self {
        Self {
            stopped,
            store,
            pulse: watch::Sender::new(Pulse::default()),
            list: Vec::new(),
        }
    }

    /// Starts one.
    fn add(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.list.push(tokio::spawn(task));
    }

    /// Starts what `make` makes, and again whenever it panics.
    pub(super) fn keep<T: Future<Output = ()> + Send + 'static>(
        &mut self,
        what: impl Into<String>,
        make: impl Fn() -> T + Send + Sync + 'static,
    ) {
        let keeper = Keeper {
            store: self.store.clone(),
            pulse: self.pulse.clone(),
            stopped: self.stopped.clone(),
        };
        self.add(keeper.keep(what.into(), make));
    }

    /// One messenger a channel.
    pub(super) fn tell(&mut self, sender: &Sender, channels: Vec<Channel>) {
        for channel in channels {
            let what = format!("the messenger to {}", channel.name);
            let (store, sender) = (self.store.clone(), sender.clone());
            let stopped = self.stopped.clone();
            self.keep(what, move || {
                let (store, sender, channel) = (store.clone(), sender.clone(), channel.clone());
                let courier = Courier::new(store, sender, channel, courier::LOOK);
                courier.work(stopped.clone())
            });
        }
    }

    /// The look at progress and at the disk, and the signs of life that hang on it.
    pub(super) fn look(
        &mut self,
        config: &Config,
        desks: Vec<Handle>,
        disk: Disk,
        hold: watch::Sender<bool>,
        others: &Others,
    ) -> watch::Receiver<Pulse> {
        let operations = &config.operations;
        let polls = Duration::from_millis(config.poll_interval_ms).saturating_mul(5);
        let beats = self.pulse.subscribe();
        let watcher = Watcher {
            store: self.store.clone(),
            desks,
            dir: config.dir.clone(),
            disk,
            min_free: operations.min_free,
            stall_after: operations.stall_after.max(polls),
            hold,
            own_clock: others.watch(),
            pulse: self.pulse.clone(),
        };
        let stopped = self.stopped.clone();
        self.keep("the look at progress", move || {
            watcher.clone().work(stopped.clone())
        });
        let (others, stopped) = (others.clone(), self.stopped.clone());
        self.keep("the look at the clocks of others", move || {
            others.clone().work(stopped.clone())
        });
        if let Some(beat) = operations.heartbeat.clone() {
            let (seen, stopped) = (beats.clone(), self.stopped.clone());
            self.keep("the heartbeat", move || {
                heartbeat::ping(beat.clone(), seen.clone(), stopped.clone())
            });
        }
        let (seen, stopped) = (beats.clone(), self.stopped.clone());
        self.keep("the sign to the service manager", move || {
            heartbeat::notify(seen.clone(), stopped.clone())
        });
        beats
    }

    /// The look for what is watched.
    pub(super) fn watch(&mut self, watches: &Watches, desks: Vec<Handle>) {
        let (watches, stopped) = (watches.clone(), self.stopped.clone());
        self.keep("the look after watches", move || {
            watches.clone().work(desks.clone(), stopped.clone())
        });
    }

    /// The results of rebuilds, and their exchange with the other auditors.
    pub(super) fn rebuild(
        &mut self,
        config: &Config,
        shared: &Shared,
        desks: Vec<Handle>,
    ) -> Rebuilds {
        let (rebuilders, clock) = (config.rebuilders.clone(), shared.clock.clone());
        let rebuilds = Rebuilds::new(self.store.clone(), rebuilders, clock);
        let around = Arc::new(Surroundings {
            desks,
            peers: shared.peers.clone(),
            http: shared.peer_http.clone(),
            every: shared.poll,
        });
        let (kept, stopped) = (rebuilds.clone(), self.stopped.clone());
        self.keep("the exchange of rebuilds", move || {
            kept.clone().work(around.clone(), stopped.clone())
        });
        rebuilds
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
    pub(super) fn serve(&mut self, listener: TcpListener, router: Router, bounds: Bounds) {
        // A proxy is in the bounds already.
        let is_proxy = |_: SocketAddr| false;
        let stop = self.stopped.clone();
        self.add(plainsight_door::serve(
            listener, router, bounds, is_proxy, stop,
        ));
    }
}
