// Requests of the page's own. Every answer is bounded, and every wait.

const PATIENCE = 30_000;
const MAX_BYTES = 16 << 20;

/** An answer that is not what was asked for. */
export class Answered extends Error {
  constructor(status, detail) {
    super(`status ${status}${detail ? `: ${detail}` : ""}`);
    this.status = status;
  }
}

/** Asks for bytes, or with `json: true` for JSON of this node; `body` makes it a POST. */
export async function ask(url, { body, json = false } = {}) {
  const response = await fetch(url, {
    method: body === undefined ? "GET" : "POST",
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
    signal: AbortSignal.timeout(PATIENCE),
  });
  const bytes = await read(response);
  if (!response.ok) throw new Answered(response.status, detailOf(bytes));
  return json ? JSON.parse(new TextDecoder().decode(bytes)) : bytes;
}

async function read(response) {
  const chunks = [];
  let length = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > MAX_BYTES) {
      await reader.cancel();
      throw new Answered(response.status, "the answer is too long");
    }
    chunks.push(value);
  }
  const out = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

function detailOf(bytes) {
  try {
    return String(JSON.parse(new TextDecoder().decode(bytes)).detail ?? "").slice(0, 200);
  } catch {
    return "";
  }
}
