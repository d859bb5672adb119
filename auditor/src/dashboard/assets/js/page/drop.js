// A place to drop a file, or to choose one.

/** Makes `zone`, which holds an `input[type=file]`, take files. `take(file)` is called for each. */
export function chooser(zone, take) {
  const input = zone.querySelector("input[type=file]");
  input.addEventListener("change", async () => {
    for (const file of input.files) await take(file);
    // So that the same file can be chosen again.
    input.value = "";
  });
  const over = (isOver) => zone.classList.toggle("over", isOver);
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  zone.addEventListener("dragleave", () => over(false));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    over(false);
    for (const file of event.dataTransfer.files) await take(file);
  });
}
