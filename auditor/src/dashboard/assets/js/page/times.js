// Relative times that go on.

const UNITS = [
  [86_400 * 365, "year"],
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** A stretch of seconds in its largest unit. */
export function span(seconds) {
  const [length, name] = UNITS.find(([unit]) => seconds >= unit) ?? UNITS.at(-1);
  const number = Math.floor(seconds / length);
  return `${number} ${name}${number === 1 ? "" : "s"}`;
}

/** How long before or after now a time is. */
export function ago(seconds, now = Date.now() / 1000) {
  if (seconds > now + 1) return `in ${span(seconds - now)}`;
  return now - seconds < 2 ? "just now" : `${span(now - seconds)} ago`;
}

/** Brings every relative time below `root` up to date. */
export function tick(root) {
  for (const when of root.querySelectorAll("time.when")) {
    const seconds = Date.parse(when.dateTime) / 1000;
    const shown = when.querySelector(".ago");
    if (!shown || Number.isNaN(seconds)) continue;
    const text = ago(seconds);
    if (shown.textContent !== text) shown.textContent = text;
  }
}

/** A time as the server draws it. */
export function whenOf(seconds) {
  const iso = `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}Z`;
  const time = document.createElement("time");
  time.className = "when";
  time.dateTime = iso;
  const [relative, utc] = ["ago", "utc"].map((name) => {
    const part = document.createElement("span");
    part.className = name;
    return part;
  });
  relative.textContent = ago(Number(seconds));
  utc.textContent = iso.replace("T", " ").replace("Z", " UTC");
  time.append(relative, " ", utc);
  return time;
}
