// Times in JSON. Chapter `encodings`.

import { must } from "./refusal.js";

/** POSIX seconds of `YYYY-MM-DDTHH:MM:SSZ`, a second that exists between 1970 and 9999. [ENC-5] */
export function parseTime(text, what) {
  const parts = typeof text === "string" && /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/.exec(text);
  must(parts, "time", `${what} is not a time.`);
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number);
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  must(year >= 1970 && formatTime(ms / 1000) === text, "time", `${what} is a second that does not exist.`);
  return ms / 1000;
}

/** `YYYY-MM-DDTHH:MM:SSZ` of POSIX seconds. */
export function formatTime(seconds) {
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}Z`;
}
