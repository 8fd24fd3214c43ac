// Reads a chart out under the pointer or the arrow keys, from the table that stands behind it.

function dress(figure) {
  const plot = figure.querySelector(".plot");
  const rows = [...figure.querySelectorAll("tbody tr[data-x]")];
  if (!plot || !rows.length || figure.querySelector(".readout")) return;
  const heads = [...figure.querySelectorAll("thead th")].map((head) => head.textContent);
  const out = Object.assign(document.createElement("p"), { className: "readout" });
  const hair = Object.assign(document.createElement("div"), { className: "hair", hidden: true });
  out.setAttribute("role", "status");
  plot.append(hair);
  plot.after(out);
  plot.tabIndex = 0;
  plot.setAttribute("role", "group");
  plot.setAttribute("aria-label", "Chart; arrow keys read it point by point");
  let at = rows.length - 1;

  const drawn = () => [...plot.querySelectorAll("svg")].find((svg) => getComputedStyle(svg).display !== "none");
  const show = (index) => {
    at = Math.min(Math.max(index, 0), rows.length - 1);
    const { left, width } = drawn().dataset;
    hair.style.left = `${100 * (Number(left) + Number(rows[at].dataset.x) * Number(width))}%`;
    hair.hidden = false;
    const cells = [...rows[at].cells].map((cell) => cell.textContent);
    out.textContent = `${cells[0]}: ${cells.slice(1).map((text, i) => `${heads[i + 1]} ${text || "none"}`).join(", ")}`;
  };
  plot.addEventListener("pointermove", (event) => {
    const box = drawn().getBoundingClientRect();
    const { left, width } = drawn().dataset;
    const share = ((event.clientX - box.left) / box.width - Number(left)) / Number(width);
    let best = 0;
    rows.forEach((row, i) => {
      if (Math.abs(Number(row.dataset.x) - share) < Math.abs(Number(rows[best].dataset.x) - share)) best = i;
    });
    show(best);
  });
  plot.addEventListener("pointerleave", () => { hair.hidden = true; out.textContent = ""; });
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -rows.length, End: rows.length }[event.key];
    if (!step) return;
    event.preventDefault();
    show(at + step);
  });
}

const dressAll = () => document.querySelectorAll("figure.chart").forEach(dress);
dressAll();
document.addEventListener("nines:fresh", dressAll);
