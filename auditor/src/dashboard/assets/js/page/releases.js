// `/releases` and the pages of streams: a file is hashed in the page and looked for among the digests
// that were published. The file never leaves the browser, and its digest only by the link that says so.

import { ask } from "./ask.js";
import { addCopyButtons } from "./copy.js";
import { digest, icon, make } from "./dom.js";
import { chooser } from "./drop.js";
import { hashFile } from "./hash.js";

/** How many streams of a list are read. */
const MAX_STREAMS = 64;

let published = null;

/** Fills the place that the page has for it; it is made anew whenever the page is. */
export function enhance(main) {
  const place = main.querySelector("#drop");
  if (!place || place.querySelector("input[type=file]")) return;
  const output = make("div", { id: "result", "aria-live": "polite" });
  const input = make("input", { type: "file" });
  const zone = make("div", { class: "dropzone" }, make("label", {}, "Drop a file here, or choose one: it is hashed in this page and never sent. ", input));
  place.append(zone, output);
  place.hidden = false;
  published = null;
  chooser(zone, ([file]) => look(file, output));
}

async function look(file, output) {
  const bar = make("progress", { max: 1, value: 0, "aria-label": "Hashing" });
  output.replaceChildren(make("p", {}, `Hashing ${file.name} in this page…`), bar);
  const hash = await hashFile(file, (part) => (bar.value = part));
  published ??= await readPublished();
  const found = published.versions.filter((version) => version.files.some((each) => each.sha256 === hash));
  output.replaceChildren(view(file, hash, found, published));
  addCopyButtons(output);
}

/** What the page lists: the versions of its stream, or of every stream in its list. */
async function readPublished() {
  const own = await ask(document.querySelector('link[rel=alternate][type="application/json"]').getAttribute("href"), { json: true });
  if (own.versions) return { versions: named(own), isCut: own.is_cut };
  const streams = own.logs.flatMap((log) => log.streams);
  const versions = [];
  let isCut = streams.length > MAX_STREAMS || own.logs.some((log) => log.further);
  for (const { path } of streams.slice(0, MAX_STREAMS)) {
    const stream = await ask(path.replace(/(\?|$)/, ".json$1"), { json: true });
    versions.push(...named(stream));
    isCut ||= stream.is_cut;
  }
  return { versions, isCut };
}

function named(stream) {
  return stream.versions.map((version) => ({ ...version, broke: stream.broke, product: stream.product, channel: stream.channel, arch: stream.arch }));
}

function view(file, hash, found, { isCut }) {
  const about = [`${file.name}, ${file.size} bytes: `, digest(hash)];
  if (found.length === 0) {
    if (isCut) return banner("unknown", "Not among the products shown here", "Only what this page lists was compared, which is not everything: that says nothing about the file. Search for the product's name first, and choose the file again; or let the command line ask the log: plainsight release verify FILE. ", [...about, " ", make("a", { href: `/search?q=${hash}` }, "Ask this auditor about this digest"), ", over everything that it holds."], null, false);
    return banner("warn", "Not among the files listed here", "If you were given it as one of these products, do not install it, and ask others for their digest.", about, null, false);
  }
  const version = found.find((each) => each.is_void) ?? found[0];
  const name = `version ${version.version} of ${version.product} (${version.channel}, ${version.arch})`;
  if (version.yanked) return banner("bad", "Published, and taken back", `It is ${name}, which its publisher took back: ${version.yanked}`, about);
  if (version.is_void) return banner("bad", "Not the build that everybody has", `It is a second build of ${name}: its entry breaks a rule. Keep the file, do not run it, and show it to somebody who can look into it. `, about);
  if (version.broke) return banner("unknown", "Published, by a log that broke a rule", `It is byte for byte ${name}, but nothing that this log publishes is vouched for any more. `, about);
  const link = make("a", { href: version.path }, "its entry, with the proof");
  return banner("good", "Published", `It is byte for byte ${name}, as this auditor shows it. For whom it is, and `, about, link);
}

function banner(tone, title, sentence, about, link = null, isFound = true) {
  const said = make("p", { class: "sentence" }, sentence, link, link ? ", stand below." : null);
  return make("section", { class: `banner ${tone}`, "data-found": String(isFound) }, make("div", { class: "sign" }, icon(tone)), make("div", {}, make("h3", {}, title), said, make("p", {}, ...about)));
}
