// Web vitals, loads, errors and fetches of a page's users. See docs/reference/rum.md
const unique = () => `n1-${Date.now()}-${Math.floor(Math.random() * 9e12) + 1e12}`;
const cut = (text) => String(text ?? "").slice(0, 200);
const bare = (url) => cut(url).split(/[?#]/)[0];
const kept = (name, make) => {
	try { return sessionStorage[name] ??= make(); } catch { return make(); }
};

export function start({ url, key, app, version, session, sampleRate: rate = 1, routes = [], fetches }) {
	session ??= kept("nines-session", unique);
	if (!(kept("nines-draw", Math.random) < rate)) return { session, flush() {} };
	if (key) url += "?key=" + encodeURIComponent(key);
	const p = performance, d = document, queue = new Map(), drains = [], plain = fetch, loadId = unique();
	let seen = {}, slow = {}, type, shift, sum, from, last, base, done, gone, loaded, failed, errors = 0;

	const entry = () => p.getEntriesByType("navigation").find((e) => e.responseStart > 0 && e.responseStart < p.now());
	const since = (time) => Math.max(time - (entry()?.activationStart ?? 0), 0);
	const here = () => bare(location.origin + location.pathname);
	const first = bare(entry()?.name ?? here());
	const route = (at) => routes.find((r) => {
		const parts = r.split("/"), path = new URL(at).pathname.split("/");
		return parts.length === path.length && parts.every((part, i) => part === path[i] || /^[{:*]/.test(part));
	});

	const flush = () => {
		if (!queue.size) return;
		const body = JSON.stringify({
			page: { url: first, route: route(first) }, session, app, version,
			webdriver: navigator.webdriver, sent: Date.now(), metrics: [...queue.values()],
		});
		queue.clear();
		navigator.sendBeacon?.(url, body) ||
			plain(url, { method: "POST", body, keepalive: true }).catch(() => {});
	};
	// Twenty entries, each under 3 kB: a leaving page may send 64.
	const add = (item) => queue.set(item.id, item).size > 19 && flush();
	const set = (name, value) => {
		const m = seen[name] ??= { name, id: unique(), navigationType: type, rate };
		if (m.value !== value) m.value = value, add(m);
	};
	const tell = (kind, more, at = here()) =>
		add({ kind, id: unique(), navigationURL: at, route: route(at), rate, ...more });

	const observe = (type, use, more) => {
		try {
			const o = new PerformanceObserver((list) => list.getEntries().forEach(use));
			o.observe({ type, buffered: true, ...more });
			drains.push(() => o.takeRecords().forEach(use));
		} catch {}
	};
	const begin = (how) => {
		seen = {}, slow = {}, type = how, shift = 0, last = -1e9, gone = 1 / 0, base = p.interactionCount ?? 0;
	};
	const settle = () => {
		drains.forEach((drain) => drain());
		seen.FCP && set("CLS", shift);
		const n = (p.interactionCount ?? 0) - base, worst = Object.values(slow).sort((a, b) => b - a).slice(0, 10);
		const inp = worst[Math.min(worst.length - 1, Math.floor(n / 50))] ?? (n > 0 && done === type && 8);
		if (inp) set("INP", inp);
	};
	const load = (state) => {
		const e = entry(), status = e?.responseStatus || undefined;
		if (e) set("TTFB", since(e.responseStart));
		failed ||= status > 399 || p.getEntriesByType("resource")
			.some((r) => /script|link|css/.test(r.initiatorType) && r.responseStatus > 399);
		loaded = !state;
		tell("load", {
			id: loadId, navigationType: type, state: state ?? (failed ? "error" : "ok"), status,
			value: since(!state && e?.loadEventEnd || p.now()),
		}, first);
	};
	const leave = () => {
		settle(), done ||= 1, loaded || load("abandoned"), flush();
	};
	const wrong = (message, source) => {
		failed ||= !loaded;
		if (errors++ < 20) tell("error", { message: cut(message), source: bare(source) });
	};
	const on = (name, use) => addEventListener(name, use, true);

	const run = () => {
		const e = entry(), start = e?.activationStart ?? 0;
		begin(start ? "prerender" : d.wasDiscarded ? "restore" : e?.type.replace("_", "-") ?? "navigate");
		gone = p.getEntriesByType("visibility-state").find((v) => v.name === "hidden" && v.startTime >= start)
			?.startTime ?? (d.hidden ? 0 : 1 / 0);
		base = 0;
		const painted = (name, e) => e.startTime < gone && set(name, since(e.startTime));
		observe("paint", (e) => e.name[6] === "c" && painted("FCP", e));
		observe("largest-contentful-paint", (e) => done || painted("LCP", e));
		observe("layout-shift", ({ hadRecentInput, startTime: t, value }) => {
			if (hadRecentInput) return;
			if (t - last < 1e3 && t - from < 5e3) sum += value;
			else sum = value, from = t;
			last = t, shift = Math.max(shift, sum);
		});
		for (const name of ["event", "first-input"]) observe(name, ({ interactionId: id, duration }) => {
			if (id) slow[id] = Math.max(slow[id] ?? 0, duration);
		}, { durationThreshold: 16 });
		d.readyState === "complete" ? load() : on("load", () => setTimeout(load));
		for (const name of ["keydown", "click"])
			on(name, (e) => e.isTrusted && (self.requestIdleCallback ?? setTimeout)(() => done ||= 1));
		on("visibilitychange", (e) => {
			if (d.hidden) gone = Math.min(gone, e.timeStamp), leave();
		});
		on("pagehide", leave);
		on("pageshow", (e) => {
			if (!e.persisted) return;
			begin(done = "back-forward-cache");
			set("TTFB", 0);
			requestAnimationFrame(() => requestAnimationFrame(() => {
				for (const name of ["FCP", "LCP"]) set(name, p.now() - e.timeStamp);
			}));
		});
	};
	on("error", ({ target: t, message, filename }) => {
		if (t === self) wrong(message, filename);
		else if (/SCRIPT|LINK/.test(t.tagName)) wrong(t.tagName + " not loaded", t.src || t.href);
	});
	on("unhandledrejection", (e) => wrong(e.reason?.message ?? e.reason));
	if (fetches) self.fetch = (input, init) => {
		const began = p.now(), over = (state, status) => tell("fetch", {
			method: cut(init?.method ?? input?.method ?? "GET"), target: bare(input?.url ?? input), state, status,
			value: p.now() - began,
		});
		const answer = plain(input, init);
		answer.then(
			({ status }) => over(status > 499 ? "error" : "ok", status),
			(e) => over(e?.name === "AbortError" ? "aborted" : "error"),
		);
		return answer;
	};
	d.prerendering ? on("prerenderingchange", run) : run();
	return { session, flush() { settle(), flush(); } };
}
