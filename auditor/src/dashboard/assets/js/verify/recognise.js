// What a file is. It decides by the file's own beginning and members, never by its name.

import { fromUtf8 } from "./bytes.js";
import { FORMAT as BUNDLE } from "./bundle.js";
import { parseCheckpointText } from "./checkpoint.js";
import { FORMAT as EVIDENCE, MAX_EVIDENCE } from "./evidence.js";
import { isObject, parseJson } from "./json.js";
import { MAX_NOTE, parseNote } from "./note.js";
import { Refusal, must } from "./refusal.js";
import { HEADER } from "./tlog_proof.js";

/** The longest file that is looked into, in bytes. */
export const MAX_FILE = MAX_EVIDENCE;

/**
 * One of "tlog-proof", "bundle", "evidence", "lookup", "history", "stream", "genesis", "rungs",
 * "checkpoint", "watch-report", "feed", "note", "policy" or "unknown".
 */
export function recognise(bytes) {
  must(bytes.length <= MAX_FILE, "too-long", "The file is larger than 64 MiB, which nothing that can be checked here is.");
  let text;
  try {
    text = fromUtf8(bytes, "The file");
  } catch {
    return "unknown";
  }
  if (text.startsWith(`${HEADER}\n`)) return "tlog-proof";
  if (/^[ \t\n\r]*\{/.test(text)) return recogniseJson(bytes);
  const note = noteKind(bytes);
  if (note !== null) return note;
  if (bytes.length <= 1 << 20 && /^[ \t]*quorum[ \t]/m.test(text)) return "policy";
  return "unknown";
}

function recogniseJson(bytes) {
  let value;
  try {
    value = parseJson(bytes, MAX_FILE, "The file");
  } catch (error) {
    if (error instanceof Refusal) return "unknown";
    throw error;
  }
  if (!isObject(value)) return "unknown";
  if (value.format === EVIDENCE) return "evidence";
  if (value.format === BUNDLE) return "bundle";
  if (!("checkpoint" in value && "epoch" in value)) return "unknown";
  if ("versions" in value) return "history";
  if ("inclusion" in value) return "genesis";
  if ("vrf" in value) return "version" in value || value.index?.results?.length === 1 ? "lookup" : "rungs";
  return "index" in value ? "stream" : "unknown";
}

function noteKind(bytes) {
  if (bytes.length > MAX_NOTE) return null;
  let note;
  try {
    note = parseNote(bytes);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
  if (note.text.startsWith("plainsight/watch/v1\n")) return "watch-report";
  if (note.text.startsWith("plainsight/inserted/v1\n")) return "feed";
  try {
    parseCheckpointText(note.text);
    return "checkpoint";
  } catch {
    return "note";
  }
}
