// What every page loads. The pages are whole without it; it only adds.

import { addCopyButtons } from "./page/copy.js";
import { listen } from "./page/live.js";
import { keepPeople } from "./page/search.js";
import { tick } from "./page/times.js";
import { watchParts } from "./page/swap.js";

// The style of what only scripts draw.
const style = document.createElement("link");
style.rel = "stylesheet";
style.href = new URL("../script.css", import.meta.url).href;
document.head.append(style);

/** Which module a page has, by its path. */
const PAGES = [
  [/^\/verify$/, () => import("./page/verify.js")],
  [/^\/lookup$/, () => import("./page/lookup.js")],
  [/^\/me$/, () => import("./page/me.js")],
  [/^\/releases(\/|$)/, () => import("./page/releases.js")],
  [/^\/logs\/[0-9a-f]{64}$/, () => import("./page/log.js")],
  [/^\/logs\/[0-9a-f]{64}\/entries\/[0-9]+$/, () => import("./page/entry.js")],
  [/^\/heads\/./, () => import("./page/heads.js")],
  [/^\/evidence\/[0-9a-f]{64}$/, () => import("./page/evidence.js")],
];

async function start() {
  const main = document.getElementById("main");
  // Before anything is added, so that what the server drew can be told from what scripts did.
  const parts = watchParts(main);
  keepPeople();
  const own = PAGES.find(([path]) => path.test(location.pathname));
  const page = own ? await own[1]() : {};
  const enhance = () => {
    addCopyButtons(main);
    tick(document);
    page.enhance?.(main);
  };
  enhance();
  setInterval(() => tick(document), 1000);
  await page.start?.(main);
  listen({ parts, enhance, isStatic: page.isStatic === true });
}

start();
