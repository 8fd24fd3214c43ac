// Sorts and filters the objectives at hand without asking the server again; without this the links and the form do it.

const read = (row) => JSON.parse(row.dataset.order);

export function compare(a, b) {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1; // what is unknown stands last, both ways
  return typeof a === "string" ? a.localeCompare(b) : a - b;
}

function sort(table, name, downwards) {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [read(row)[name], row]);
  rows.sort(([a], [b]) => (a === null || b === null ? compare(a, b) : downwards ? -compare(a, b) : compare(a, b)));
  body.append(...rows.map(([, row]) => row));
  for (const head of table.tHead.rows[0].cells) {
    if (head.querySelector(`[data-sort="${name}"]`)) head.setAttribute("aria-sort", downwards ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
}

function filter(text) {
  const table = document.getElementById("objectives");
  if (!table) return;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    const fits = words.every((word) => row.dataset.words.toLowerCase().includes(word));
    row.hidden = !fits;
    shown += fits;
  }
  const all = table.tBodies[0].rows.length;
  document.getElementById("shown").textContent = words.length ? `${shown} of ${all} shown` : "";
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("table.sortable a[data-sort]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || document.querySelector("nav.pages")) return;
  event.preventDefault();
  const downwards = link.closest("th").getAttribute("aria-sort") === "ascending";
  sort(link.closest("table"), link.dataset.sort, downwards);
  const url = new URL(location);
  url.searchParams.set("sort", link.dataset.sort);
  url.searchParams.set("dir", downwards ? "down" : "up");
  history.replaceState(null, "", url);
});

const field = document.querySelector("#filter input[name=q]");
field?.addEventListener("input", () => filter(field.value));
document.addEventListener("nines:fresh", () => filter(field?.value ?? ""));
