// The keys of a publisher's roles, in a genesis and in `publisher-keys`. Chapter `entry`.

import { base64Exactly } from "./bytes.js";
import { strictKey } from "./ed25519.js";
import { exactly, integer, list } from "./json.js";
import { must } from "./refusal.js";

/** `{threshold, keys}`. [ENTRY-12] to [ENTRY-14] */
export function parseRole(value) {
  exactly(value, ["threshold", "keys"], [], "A role");
  const keys = list(value.keys, 1, 32, "The keys of a role", (each) =>
    strictKey(base64Exactly(each, 32, "A key of a role"), "A key of a role"),
  );
  must(new Set(keys.map((key) => key.join())).size === keys.length, "roles", "A role has one key twice.");
  const threshold = integer(value.threshold, 8, "The threshold of a role");
  must(threshold >= 1 && threshold <= keys.length, "roles", "A role asks for fewer than one or more than all of its keys.");
  return { threshold, keys };
}

/** The roles `root`, `releases` and `protections`. [ENTRY-11] */
export function parseRoles(value) {
  exactly(value, ["root", "releases", "protections"], [], "The roles");
  return {
    root: parseRole(value.root),
    releases: parseRole(value.releases),
    protections: parseRole(value.protections),
  };
}
