// Reports on watched indexes and the bucket feed. Chapter `watch`.

import { base64Exactly, decimal, fromHex, toHex } from "./bytes.js";
import { MAX_NOTE, parseNote, verifyNote } from "./note.js";
import { must } from "./refusal.js";

/** The most lines of one answer of the feed. [WATCH-15] */
export const MAX_FEED = 4096;

function header(lines, title, count) {
  must(lines.length >= count && lines[0] === title, "watch", `The note does not begin with ${title}.`);
  return {
    origin: lines[1],
    size: decimal(lines[2], "The size of a report"),
    root: base64Exactly(lines[3], 32, "The root of a report"),
  };
}

function linesOf(note) {
  must(note.bytes.length <= MAX_NOTE, "too-long", "The note is too long.");
  return note.text.slice(0, -1).split("\n");
}

function indexOfLine(text) {
  const index = fromHex(text, 32, "An index");
  must((index[0] & 0x80) === 0, "watch", "An index is not in the private namespace.");
  return index;
}

/** The text of a report: `{origin, size, root, watchId, seconds, hits}`. [WATCH-6] */
export function parseReport(input) {
  const note = parseNote(input);
  const lines = linesOf(note);
  const head = header(lines, "plainsight/watch/v1", 7);
  const watchId = fromHex(lines[4], 32, "The watch id");
  const seconds = decimal(lines[5], "The time of a report");
  const rest = lines.slice(6);
  if (rest.length === 1 && rest[0] === "absent") return { ...head, watchId, seconds, hits: [], note };
  let before = "";
  const hits = rest.map((line) => {
    const parts = /^hit ([0-9a-f]{64}) (\d{1,19}) (announced|unannounced)$/.exec(line);
    must(parts && parts[1] > before, "watch", "A line of the report is not of its form or out of order.");
    before = parts[1];
    const position = decimal(parts[2], "A position");
    must(position < head.size, "watch", "A hit is above the size of its report.");
    return { index: indexOfLine(parts[1]), position, announced: parts[3] === "announced" };
  });
  return { ...head, watchId, seconds, hits, note };
}

/** An answer of the feed: `{origin, size, root, prefix, since, through, seconds, inserted}`. [WATCH-15] */
export function parseFeed(input) {
  const note = parseNote(input);
  const lines = linesOf(note);
  const head = header(lines, "plainsight/inserted/v1", 8);
  const prefix = lines[4];
  must(/^[0-9a-f]{1,4}$/.test(prefix), "watch", "The prefix is not 1 to 4 hex digits.");
  const since = decimal(lines[5], "since");
  const through = decimal(lines[6], "through");
  const seconds = decimal(lines[7], "The time of the feed");
  must(since <= through && through <= head.size, "watch", "The feed covers positions that it cannot.");
  const rest = lines.slice(8);
  must(rest.length <= MAX_FEED, "watch", "The feed has too many lines.");
  let before = since - 1n;
  const inserted = rest.map((line) => {
    const parts = /^([0-9a-f]{64}) (\d{1,19})$/.exec(line);
    must(parts && parts[1].startsWith(prefix), "watch", "A line of the feed is not of its form or bucket.");
    const position = decimal(parts[2], "A position");
    must(position > before && position < through, "watch", "A position of the feed is out of order.");
    before = position;
    return { index: toHex(indexOfLine(parts[1])), position };
  });
  return { ...head, prefix, since, through, seconds, inserted, note };
}

/** Verifies that the auditor's watch key signed it. [WATCH-8] [WATCH-16] */
export async function verifyWatchNote(parsed, watchKey) {
  must(watchKey.name.endsWith("/watch"), "watch", "This is not a watch key.");
  await verifyNote(parsed.note, [watchKey]);
  return parsed;
}
