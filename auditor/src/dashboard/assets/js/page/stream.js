// Server-sent events, read as a stream: unlike the browser's EventSource this also sees the comments
// that the server sends when nothing happens, so a line that broke silently is noticed.

/** A line without a sign of life for so long, in milliseconds, is broken: two and a half heartbeats. */
const SILENCE = 38_000;
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15_000;
/** The longest event, in characters. */
const MAX_EVENT = 65_536;

/**
 * Listens for ever. `onState(isLive)` is told whenever the line opens or breaks; `onEvent(data)` each
 * event's parsed JSON.
 */
export async function follow(url, after, { onState, onEvent }) {
  let last = after;
  let wait = FIRST_WAIT;
  for (;;) {
    try {
      await listenOnce(url, last, (isOpen) => {
        if (isOpen) wait = FIRST_WAIT;
        onState(true);
      }, ({ id, data }) => {
        if (id) last = id;
        if (data) onEvent(JSON.parse(data));
      });
    } catch {
      // Whatever it was, the line is broken.
    }
    onState(false);
    await new Promise((resolve) => setTimeout(resolve, wait + Math.random() * wait));
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}

async function listenOnce(url, last, onSign, onEvent) {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), SILENCE);
  const headers = { accept: "text/event-stream", ...(last ? { "last-event-id": last } : {}) };
  const response = await fetch(url, { headers, signal: abort.signal, cache: "no-store" });
  if (!response.ok) throw new Error(`status ${response.status}`);
  onSign(true);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(), SILENCE);
    onSign(false);
    buffer += value;
    if (buffer.length > MAX_EVENT) throw new Error("an event is too long");
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) onEvent(parseEvent(block));
  }
  clearTimeout(timer);
}

/** `{id, data}` of an event's lines; comments give neither. */
export function parseEvent(block) {
  const event = { id: "", data: "" };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (line.slice(0, colon) === "id") event.id = value;
    if (line.slice(0, colon) === "data") event.data += value;
  }
  return event;
}
