//! What stands around every page: who speaks, where one is, when it was made.

use serde::Serialize;

use super::When;
use crate::dashboard::assets;

/// The pages that the menu names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Nav {
    /// `/`
    Overview,
    /// `/alerts`
    Alerts,
    /// `/me`
    Me,
    /// `/lookup`
    Lookup,
    /// `/verify`
    Verify,
    /// `/heads`
    Heads,
    /// `/quorum`
    Quorum,
    /// `/auditors`
    Auditors,
    /// `/logs`
    Logs,
    /// `/releases`
    Releases,
    /// `/protections`
    Protections,
    /// `/status`
    Status,
    /// `/about`
    About,
    /// `/words`
    Words,
}

/// A group of the menu: a question, and the pages that answer it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section {
    /// The question.
    pub(crate) question: &'static str,
    /// Its pages.
    pub(crate) items: &'static [Item],
}

/// A line of the menu.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    /// Which page.
    pub(crate) nav: Nav,
    /// Its address.
    pub(crate) path: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
}

const fn item(nav: Nav, path: &'static str, name: &'static str) -> Item {
    Item { nav, path, name }
}

/// The menu, in the order of the questions that bring people here.
pub(crate) const MENU: &[Section] = &[
    Section {
        question: "Is all well?",
        items: &[
            item(Nav::Overview, "/", "Overview"),
            item(Nav::Alerts, "/alerts", "Alerts"),
        ],
    },
    Section {
        question: "Did my keys change?",
        items: &[
            item(Nav::Me, "/me", "Me and my contacts"),
            item(Nav::Lookup, "/lookup", "Look up"),
        ],
    },
    Section {
        question: "Who vouches?",
        items: &[
            item(Nav::Heads, "/heads", "Heads"),
            item(Nav::Quorum, "/quorum", "Quorum"),
            item(Nav::Auditors, "/auditors", "Auditors"),
        ],
    },
    Section {
        question: "What was published?",
        items: &[
            item(Nav::Logs, "/logs", "Logs"),
            item(Nav::Releases, "/releases", "Releases"),
            item(Nav::Protections, "/protections", "Protections"),
        ],
    },
    Section {
        question: "Is that the proof?",
        items: &[item(Nav::Verify, "/verify", "Verify a file")],
    },
    Section {
        question: "This auditor",
        items: &[
            item(Nav::Status, "/status", "Status"),
            item(Nav::About, "/about", "About"),
            item(Nav::Words, "/words", "What the words mean"),
        ],
    },
];

/// The frame of a page.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Frame {
    /// The page's name.
    pub(crate) title: String,
    /// Which line of the menu it belongs to.
    pub(crate) here: Option<Nav>,
    /// The page's own address, absolute if the auditor knows where it is reached.
    pub(crate) canonical: String,
    /// The same page as JSON.
    pub(crate) json: String,
    /// Who speaks.
    pub(crate) auditor: String,
    /// Who runs it.
    pub(crate) organisation: String,
    /// Under whose law.
    pub(crate) jurisdiction: String,
    /// The program.
    pub(crate) software: &'static str,
    /// When the page was made.
    pub(crate) made: When,
    /// Alerts that nobody acknowledged and that last.
    pub(crate) open_alerts: u64,
    /// The newest event that the page takes into account, for the stream of events.
    pub(crate) after: String,
}

impl Frame {
    /// The menu.
    #[expect(clippy::unused_self, reason = "templates ask the frame")]
    pub(crate) fn menu(&self) -> &'static [Section] {
        MENU
    }

    /// Whether the menu's line is where one is.
    pub(crate) fn is_here(&self, item: &Item) -> bool {
        self.here == Some(item.nav)
    }

    /// The address of an asset.
    #[expect(clippy::unused_self, reason = "templates ask the frame")]
    pub(crate) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// Whether this build has a script for all pages.
    #[expect(clippy::unused_self, reason = "templates ask the frame")]
    pub(crate) fn has_script(&self) -> bool {
        assets::has(SCRIPT)
    }

    /// The script for all pages.
    #[expect(clippy::unused_self, reason = "templates ask the frame")]
    pub(crate) fn script(&self) -> String {
        assets::address(SCRIPT)
    }
}

/// The module that every page loads, if it is there.
pub(crate) const SCRIPT: &str = "js/main.js";
