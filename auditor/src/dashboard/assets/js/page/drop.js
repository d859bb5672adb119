// A place to drop a file, or to choose one.

/** Makes `zone`, which holds an `input[type=file]`, take files. `take(files)` is given all that came at once. */
export function chooser(zone, take) {
  const input = zone.querySelector("input[type=file]");
  input.addEventListener("change", async () => {
    if (input.files.length > 0) await take([...input.files]);
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
    if (event.dataTransfer.files.length > 0) await take([...event.dataTransfer.files]);
  });
}
