// A button beside every hash, key and command.

import { make } from "./dom.js";

async function copy(code, button, text) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Over plain HTTP there is no clipboard for pages: the text is selected, to be copied by hand.
    getSelection().selectAllChildren(code);
    button.textContent = "Selected";
  }
  setTimeout(() => {
    button.textContent = before;
  }, 2000);
}

/** Adds the buttons that are missing below `root`. */
export function addCopyButtons(root) {
  for (const code of root.querySelectorAll("code.digest")) {
    if (code.nextElementSibling?.classList.contains("copy")) continue;
    const start = code.textContent.replaceAll(/\s/g, "").slice(0, 8);
    const button = make("button", { type: "button", class: "copy", "aria-label": `Copy ${start}…` }, "Copy");
    button.addEventListener("click", () => copy(code, button, code.textContent.replaceAll(/\s/g, "")));
    code.after(button);
  }
  for (const command of root.querySelectorAll("pre.command")) {
    if (command.nextElementSibling?.classList.contains("copy")) continue;
    const button = make("button", { type: "button", class: "copy", "aria-label": `Copy the command ${command.textContent.slice(0, 40)}…` }, "Copy");
    button.addEventListener("click", () => copy(command, button, command.textContent.trim()));
    command.after(button);
  }
}
