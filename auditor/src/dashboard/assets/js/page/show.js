// Key sets and statements for people.

import { toHex } from "../verify/bytes.js";
import { badge, digest, facts, make } from "./dom.js";
import { whenOf } from "./times.js";

const ROLES = {
  identity: "signs this person's key sets",
  device: "a device of theirs",
  recovery: "brings the account back",
  escrow: "in somebody else's hands: reads along",
};

/** The keys of a key set. */
export function keyTable(keySet) {
  const body = make("tbody", {});
  for (const key of keySet.keys) {
    const role = key.role === "escrow" || key.role === "recovery" ? badge("warn", key.role) : key.role;
    body.append(
      make(
        "tr",
        {},
        make("th", { scope: "row" }, key.id),
        make("td", { "data-label": "Is" }, role, make("span", { class: "meta" }, ` ${ROLES[key.role]}`)),
        make("td", { "data-label": "Key" }, make("span", { class: "meta" }, `${key.alg} `), digest(toHex(key.key).slice(0, 128))),
      ),
    );
  }
  const head = make("tr", {});
  for (const name of ["Name", "Is", "Key"]) head.append(make("th", { scope: "col" }, name));
  return make("table", { class: "stack" }, make("caption", {}, "Every key that can read or sign"), make("thead", {}, head), body);
}

/** A release for people. */
export function describeStatement({ fields, subjects, seq }) {
  const files = make("ul", {});
  for (const subject of subjects) files.append(make("li", {}, `${subject.name ?? "file"}, ${subject.size} bytes: `, digest(toHex(subject.digest))));
  return facts([
    ["Product", fields.purl],
    ["Version", fields.version],
    ["Channel and architecture", `${fields.channel}, ${fields.arch}`],
    ["For", fields.audience === "all" ? "everybody" : badge("warn", fields.audience)],
    ["Published", whenOf(fields.published)],
    ["Number in its stream", String(seq)],
    ["Files", files],
  ]);
}
