// A script of its own, run before anything is painted, so that a chosen theme never flashes as another.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("stepmill.theme");
  } catch {
    // Storage may be forbidden. Then the system's theme it is.
  }
  if (chosen === "light" || chosen === "dark" || chosen === "contrast") document.documentElement.dataset.theme = chosen;
})();
