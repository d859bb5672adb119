//! Whether this machine's own clock may be believed, before anything is signed or said by it.

use super::Desk;
use crate::audit::Event;
use crate::follow::Fatal;

impl Desk {
    /// Somebody found out something else about the own clock.
    pub(super) async fn own_clock_changed(&mut self) -> Result<(), Fatal> {
        let is_off = self.shared.others.is_off();
        self.happen(Event::ClockOff(is_off)).await?;
        if is_off {
            // They were said by a clock that is wrong.
            self.resolve("stale").await?;
            self.resolve("clock-ahead").await?;
        }
        self.begin_poll().await
    }

    /// Whether the own clock is off, by a look that is no older than its last jump: nothing is blamed on
    /// a log for what that clock alone says.
    pub(super) async fn is_own_clock_off(&self) -> bool {
        // SPEC(WIT-18)
        self.shared.others.is_off_by_now().await
    }

    /// The same before something is signed: asked again only if the clock was set meanwhile.
    pub(super) async fn judge_own_clock(&self) -> Event {
        if self.shared.others.has_jumped() {
            self.shared.others.look().await;
        }
        Event::ClockOff(self.shared.others.is_off())
    }
}
