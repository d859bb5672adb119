// The stage, the browser, and what every page is held to.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const LAB = process.env.PLAINSIGHT_LAB;
const CHROMIUM = process.env.PLAINSIGHT_CHROMIUM ?? "/usr/bin/chromium";
/** Where screenshots are kept. */
export const SHOTS = process.env.PLAINSIGHT_SHOTS ?? path.join(tmpdir(), "plainsight-shots");

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A name that is not this machine's own, so that a page over plain HTTP is no secure context.
  "--host-resolver-rules=MAP plain.example 127.0.0.1",
];

/** How long anything may take to show, in milliseconds. */
export const PATIENCE = 45_000;

/** Starts `plainsight-lab stage`: `{place, play(word), plainsight(args), end()}`. */
export async function openStage() {
  const dir = mkdtempSync(path.join(tmpdir(), "plainsight-stage-"));
  const child = spawn(LAB, ["stage", "--dir", path.join(dir, "network")], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    assert.ok(!done, "the stage ended");
    return JSON.parse(value);
  };
  const place = await next();
  return {
    place,
    dir,
    async play(word) {
      child.stdin.write(`${word}\n`);
      const answer = await next();
      assert.equal(answer.done, word, JSON.stringify(answer));
    },
    plainsight(...args) {
      return run(LAB, ["plainsight", "--home", place.home, ...args]);
    },
    async end() {
      child.stdin.end();
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function run(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    child.stdout.on("data", (data) => (said += data));
    child.stderr.on("data", (data) => (said += data));
    child.once("error", reject);
    child.once("exit", (code) => resolve({ code, said }));
  });
}

/**
 * A stretch of line between the browser and an auditor that can be cut, and mended:
 * `{url, cut(), mend(), end()}`.
 */
export async function openLine(target) {
  const { hostname, port } = new URL(target);
  const sockets = new Set();
  let isCut = false;
  const server = net.createServer((socket) => {
    if (isCut) {
      socket.destroy();
      return;
    }
    const onward = net.connect(Number(port), hostname);
    for (const each of [socket, onward]) {
      sockets.add(each);
      each.on("error", () => {});
      each.on("close", () => {
        sockets.delete(each);
        socket.destroy();
        onward.destroy();
      });
    }
    socket.pipe(onward).pipe(socket);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    isCut = true;
    for (const each of sockets) each.destroy();
  };
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut,
    mend: () => (isCut = false),
    end() {
      cut();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * A browser with a profile of its own: `{open(options), complaints(), end()}`. `open` gives a page; any
 * error on it and any request to another origin than `origins` is a complaint.
 */
export async function openBrowser(origins) {
  mkdirSync(SHOTS, { recursive: true });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const allowed = new Set(origins.map((url) => new URL(url).origin));
  const complaints = [];
  return {
    async open(options = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
      context.setDefaultTimeout(PATIENCE);
      context.on("request", (request) => {
        const url = new URL(request.url());
        if (!["data:", "blob:"].includes(url.protocol) && !allowed.has(url.origin)) complaints.push(`a request to ${url.origin}`);
      });
      const page = await context.newPage();
      page.on("pageerror", (error) => complaints.push(`on ${page.url()}: ${error.stack ?? error}`));
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(`on ${page.url()}: ${message.text()} ${message.location().url}`);
      });
      return page;
    },
    /** What went wrong so far, which is then forgotten. */
    complaints: () => complaints.splice(0),
    end: () => browser.close(),
  };
}

/** Fails if axe finds anything against WCAG 2.2 AA. */
export async function axe(page, what) {
  // Not by a script element, which the page's own policy forbids.
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await globalThis.axe.run(document, { runOnly: { type: "tag", values: tags } });
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(" | ")}`);
  });
  assert.deepEqual(found, [], what);
}

/** A picture of the whole page, kept for people to look at. */
export async function shot(page, name) {
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`), fullPage: true });
}

/** Fails if a page is wider than its window. */
export async function fits(page, what) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(over <= 0, `${what} is ${over} px wider than its window`);
}

/** A file in the stage's folder. */
export function fileOf(stage, name, bytes) {
  const file = path.join(stage.dir, name);
  writeFileSync(file, bytes);
  return file;
}
