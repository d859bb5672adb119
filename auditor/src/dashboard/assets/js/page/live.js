// Keeps a page up to date, and says whether it is.

import { follow } from "./stream.js";
import { swap } from "./swap.js";
import { span } from "./times.js";
import { icon, make } from "./dom.js";

/** The shortest time between two readings of the page, in milliseconds. */
const PACE = 1500;
const FIRST = 150;
/** How long a line may be broken before the page is called stale. */
const STALE_AFTER = 8000;

/** The line in the header. Only its word is announced, not the seconds that go by. */
class Line {
  constructor(element) {
    this.element = element;
    this.word = make("span", { class: "word" });
    this.clock = make("span", { "aria-hidden": "true" });
    this.alive = Date.now();
    this.brokenAt = null;
    this.isKnown = false;
    element.replaceChildren(this.word, " ", this.clock);
    this.notice = make("p", { class: "news warn stale", role: "alert", hidden: true });
    element.closest("header").after(this.notice);
    setInterval(() => this.draw(), 1000);
  }

  set(isLive) {
    if (isLive) {
      this.alive = Date.now();
      this.brokenAt = null;
    } else {
      this.brokenAt ??= Date.now();
    }
    this.isKnown = true;
    this.draw();
  }

  draw() {
    if (!this.isKnown) return;
    const isStale = this.brokenAt !== null && Date.now() - this.brokenAt >= STALE_AFTER;
    const shown = this.brokenAt === null ? "live" : isStale ? "stale" : "reconnecting";
    this.clock.textContent = isStale ? `for ${span((Date.now() - this.alive) / 1000)}` : "";
    if (this.element.dataset.state === shown) return;
    this.element.dataset.state = shown;
    // Nothing on the page may look well of which nothing is known any more.
    document.body.dataset.line = shown;
    this.notice.hidden = shown !== "stale";
    if (shown === "stale") {
      const since = new Date(this.alive).toISOString().slice(11, 19);
      this.notice.replaceChildren(icon("warn"), ` Not known: this auditor has not answered since ${since} UTC. What stands below is what it said then.`);
    }
    const words = { live: "Live", reconnecting: "Reconnecting…", stale: "Stale: this auditor does not answer" };
    const tones = { live: "good", reconnecting: "unknown", stale: "warn" };
    this.word.replaceChildren(icon(tones[shown]), ` ${words[shown]}`);
    this.element.className = `live ${tones[shown]}`;
  }
}

/** The tones, the gravest first. */
const GRAVITY = ["bad", "warn", "unknown", "quiet", "good"];

/** The newest thing that happened, below the header. What is grave stays until something as grave comes, or it is followed. */
function newsLine(live) {
  const news = make("p", { id: "news", class: "news", role: "status", hidden: true });
  live.closest("header").after(news);
  return (event) => {
    if (event.kind === "head" || event.kind === "cosignature" || event.kind === "reset") return;
    const path = typeof event.path === "string" && event.path.startsWith("/") && !event.path.startsWith("//") ? event.path : "/";
    const time = typeof event.time === "string" ? event.time.slice(11, 19) : "";
    const tone = GRAVITY.includes(event.tone) ? event.tone : "quiet";
    const isLesser = GRAVITY.indexOf(tone) > GRAVITY.indexOf(news.dataset.tone ?? "good");
    if (isLesser && ["bad", "warn"].includes(news.dataset.tone)) return;
    news.dataset.tone = tone;
    news.className = `news ${tone}`;
    news.replaceChildren(make("span", { class: "meta" }, `${time} UTC`), " ", typeof event.log === "string" ? `${event.log}: ` : "", make("a", { href: path }, String(event.text)));
    news.hidden = false;
  };
}

/** Follows what happens. `parts` as of `watchParts`; `enhance` is run on what was swapped in. */
export function listen({ parts, enhance, isStatic }) {
  const live = document.getElementById("live");
  if (!live?.dataset.events) return;
  const line = new Line(live);
  const tell = newsLine(live);
  const page = new Page(parts, enhance, isStatic);
  let wasLive = true;
  follow(live.dataset.events, live.dataset.after, {
    onState(isLive) {
      line.set(isLive);
      // What happened while the line was broken is in the events that come next, or in a reset.
      if (isLive && !wasLive) page.soon();
      wasLive = isLive;
    },
    onEvent(event) {
      tell(event);
      document.dispatchEvent(new CustomEvent("plainsight:event", { detail: event }));
      page.soon();
    },
  });
  document.addEventListener("visibilitychange", () => page.soon(page.isOwed));
}

/** The page itself, read anew when something happened. */
class Page {
  constructor(parts, enhance, isStatic) {
    Object.assign(this, { parts, enhance, isStatic });
    this.timer = null;
    this.readAt = 0;
    this.isOwed = false;
  }

  soon(really = true) {
    if (!really || this.timer !== null) return;
    this.isOwed = true;
    if (document.hidden) return;
    const wait = Math.max(FIRST, this.readAt + PACE - Date.now());
    this.timer = setTimeout(() => this.read(), wait);
  }

  async read() {
    this.isOwed = false;
    this.readAt = Date.now();
    try {
      const response = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
      if (response.ok) this.take(new DOMParser().parseFromString(await response.text(), "text/html"));
    } catch {
      // The line in the header says that the auditor does not answer.
    }
    this.timer = null;
    if (this.isOwed) this.soon();
  }

  take(fresh) {
    const main = document.getElementById("main");
    const y = scrollY;
    document.title = fresh.title;
    // The answer to a form is not what the address gives to others.
    if (!this.isStatic && !main.querySelector("[data-answer]")) {
      const { parts, changed } = swap(main, this.parts, fresh.getElementById("main"));
      this.parts = parts;
      if (changed.length > 0) this.enhance();
    }
    const menu = document.querySelector("nav[aria-label=Pages]");
    const freshMenu = fresh.querySelector("nav[aria-label=Pages]");
    if (menu && freshMenu && menu.innerHTML !== freshMenu.innerHTML && !menu.contains(document.activeElement)) {
      menu.replaceWith(document.adoptNode(freshMenu));
    }
    if (scrollY !== y) scrollTo({ top: y, behavior: "instant" });
    document.dispatchEvent(new CustomEvent("plainsight:swapped"));
  }
}
