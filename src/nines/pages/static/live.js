// Puts a fresh page in place of the old one when the server says that there is something new.

const here = () => document.getElementById("live");

async function refresh() {
  if (document.hidden || here()?.contains(document.activeElement?.closest("form, .plot"))) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("live");
  if (!fresh || !here()) return;
  const name = (details, i) => details.dataset.key ?? i; // what was open stays open, wherever it stands now
  const open = new Map([...here().querySelectorAll("details")].map((details, i) => [name(details, i), details.open]));
  const focus = document.activeElement?.closest("#live a")?.getAttribute("href");
  here().replaceWith(document.adoptNode(fresh));
  [...here().querySelectorAll("details")].forEach((details, i) => { details.open = open.get(name(details, i)) ?? false; });
  for (const id of ["as-of", "firing"]) {
    const part = page.getElementById(id);
    if (part) document.getElementById(id)?.replaceWith(document.adoptNode(part));
  }
  if (focus) here().querySelector(`a[href="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("nines:fresh"));
}

const source = here()?.dataset.live;
if (source) {
  const events = new EventSource(source);
  events.addEventListener("fresh", () => { refresh().catch(() => {}); });
  addEventListener("pagehide", () => events.close());
}
