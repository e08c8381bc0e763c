// Keys: g and a letter goes somewhere, / searches, j and k walk through rows, [ and ] step through time, ? tells.

const GO_MS = 1_500;

let going = 0;

const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]");

function walk(step) {
  const rows = [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
  if (rows.length === 0) return;
  const now = rows.findIndex((row) => row.classList.contains("at-row"));
  const next = now < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, now + step));
  rows[now]?.classList.remove("at-row");
  const row = rows[next];
  row.classList.add("at-row");
  row.scrollIntoView({ block: "nearest" });
  row.querySelector("a, button, summary")?.focus({ preventScroll: true });
}

function step(by) {
  const at = new URL(location.href);
  const position = Number(document.body.dataset.position) + by;
  if (position < 0) return;
  const head = Number(document.body.dataset.head ?? document.body.dataset.position);
  if (position >= head) at.searchParams.delete("at");
  else at.searchParams.set("at", String(position));
  location.assign(at);
}

const actions = {
  "/": () => document.querySelector("#search")?.focus(),
  "?": () => document.querySelector("#keys")?.showModal(),
  j: () => walk(1),
  k: () => walk(-1),
  "[": () => step(-1),
  "]": () => step(1),
};

export function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (Date.now() - going < GO_MS) {
      going = 0;
      const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
      if (link) {
        event.preventDefault();
        link.click();
        return;
      }
    }
    if (event.key === "g") {
      going = Date.now();
      return;
    }
    const action = actions[event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  });
}
