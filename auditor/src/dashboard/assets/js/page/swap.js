// Puts a newer drawing of the same page in the place of the older one, part by part, so that focus,
// scroll position and open details stay.

/** What of a part is compared: relative times change without anything having happened. */
function essence(part) {
  const copy = part.cloneNode(true);
  for (const each of copy.querySelectorAll?.(".ago") ?? []) each.textContent = "";
  return copy.outerHTML ?? copy.textContent;
}

function elements(main) {
  return [...main.children];
}

/** Remembers the parts of `main` as the server drew them. */
export function watchParts(main) {
  return elements(main).map((element) => ({ element, essence: essence(element) }));
}

/** What a reader did to a part: open details, and where the focus is. */
function stateOf(element) {
  const details = [...element.querySelectorAll("details")].map((each) => each.open);
  if (element.matches("details")) details.unshift(element.open);
  const all = [...element.querySelectorAll("*")];
  const focused = all.indexOf(document.activeElement);
  return { details, focus: focused < 0 ? null : pathOf(document.activeElement, element) };
}

function pathOf(node, root) {
  if (node.id) return `#${CSS.escape(node.id)}`;
  const href = node.getAttribute("href");
  if (href) return `${node.localName}[href="${CSS.escape(href)}"]`;
  const steps = [];
  for (let each = node; each !== root; each = each.parentElement) {
    steps.unshift(`:nth-child(${[...each.parentElement.children].indexOf(each) + 1})`);
  }
  return `:scope > ${steps.join(" > ")}`;
}

function restore(element, { details, focus }) {
  const all = [...element.querySelectorAll("details")];
  if (element.matches("details")) all.unshift(element);
  // Only where nothing was added or removed is it known which is which.
  if (all.length === details.length) all.forEach((each, i) => (each.open = details[i]));
  if (focus !== null) element.querySelector(focus)?.focus({ preventScroll: true });
}

/** Whether somebody is typing or choosing in a part, which is then left alone. */
function isInUse(element) {
  const active = document.activeElement;
  return element.contains(active) && active.matches("input, textarea, select");
}

/**
 * Swaps what changed. `parts` is what `watchParts` or the last swap gave; returns the new ones, and
 * which elements are new.
 */
export function swap(main, parts, fresh) {
  const next = elements(fresh).map((element) => ({ element, essence: essence(element) }));
  const changed = [];
  const kept = next.map((part, i) => {
    const old = parts[i];
    if (old !== undefined && (old.essence === part.essence || isInUse(old.element))) return old;
    const element = document.adoptNode(part.element);
    if (old === undefined) {
      main.append(element);
    } else {
      const state = stateOf(old.element);
      old.element.replaceWith(element);
      restore(element, state);
    }
    changed.push(element);
    return { element, essence: part.essence };
  });
  for (const gone of parts.slice(next.length)) gone.element.remove();
  return { parts: kept, changed };
}
