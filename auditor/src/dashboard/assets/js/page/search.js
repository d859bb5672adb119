// The search box of every page. What people are found by never leaves the browser from here: it goes to
// `/lookup`, behind the #, which no request carries.

/** Whether a text looks like what a person is found by; as `is_person` of the page's own program. */
export function isPerson(text) {
  const phone = /^\+[0-9][0-9 ().-]*$/.test(text) && text.length >= 7;
  const digits = /^[0-9][0-9 ().-]{6,14}$/.test(text);
  const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
  return text.includes("@") || phone || digits || uuid || /^(user|opaque):/i.test(text);
}

/** Makes the box take people to `/lookup`. */
export function keepPeople() {
  const form = document.querySelector("form.find");
  if (!form) return;
  const field = form.querySelector("input");
  // Scripts keep what the pattern would only refuse.
  field.removeAttribute("pattern");
  field.placeholder = "Hash, position, product, log, person";
  form.addEventListener("submit", (event) => {
    const text = field.value.trim();
    if (!isPerson(text)) return;
    event.preventDefault();
    field.value = "";
    const address = `/lookup#${new URLSearchParams({ q: text, from: "search" })}`;
    if (location.pathname === "/lookup") {
      location.hash = address.split("#")[1];
      location.reload();
    } else {
      location.assign(address);
    }
  });
}
