// Elements out of data. Text is always set as text, so nothing from a peer becomes markup.

/** `make("p", { class: "note" }, "text", otherElement, null)`; null and undefined are left out. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  good: "M8 1a7 7 0 1 0 0 14a7 7 0 1 0 0-14M4.8 8.3l2.2 2.2 4.2-4.8",
  bad: "M5.2 1h5.6L15 5.2v5.6L10.8 15H5.2L1 10.8V5.2zM5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2",
  unknown: "M8 1a7 7 0 1 0 0 14a7 7 0 1 0 0-14M6 6.2a2 2 0 1 1 2.6 2c-.4.2-.6.5-.6 1M8 11.6v.1",
  warn: "M8 1.6l6.6 12.2H1.4zM8 6v3.4M8 11.5v.1",
};

/** The sign of a tone: good, bad, warn or unknown. */
export function icon(tone) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  for (const [key, value] of Object.entries({ class: "icon", viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": true, focusable: false })) {
    svg.setAttribute(key, value);
  }
  for (const [key, value] of Object.entries({ d: PATHS[tone], fill: "none", stroke: "currentColor", "stroke-width": 1.7, "stroke-linecap": "round", "stroke-linejoin": "round" })) {
    path.setAttribute(key, value);
  }
  svg.append(path);
  return svg;
}

/** A word in the colour and with the sign of a tone. */
export function badge(tone, word) {
  return make("span", { class: `badge ${tone}` }, icon(tone), make("span", {}, word));
}

/** A long text in groups of four, copied as one. */
export function digest(text) {
  const code = make("code", { class: "digest", translate: "no" });
  for (const group of text.match(/.{1,4}/gs) ?? []) code.append(make("span", {}, group));
  return code;
}

/** A list of facts: `[[name, value], ...]`; long ones have a line of their own. */
export function facts(rows) {
  const list = make("dl", { class: "facts" });
  for (const [name, value] of rows) {
    if (value === null || value === undefined) continue;
    const isLong = typeof value === "string" ? value.length > 48 : value.matches("code, ul");
    list.append(make("div", { class: isLong ? "long" : null }, make("dt", {}, name), make("dd", {}, value)));
  }
  return list;
}
