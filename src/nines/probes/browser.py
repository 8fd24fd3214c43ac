"""Browser steps: what a person would do in a page, by Playwright and a Chromium that is on this machine.

Playwright is an extra (`nines[browser]`) and imported only when a journey has such a step.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from nines.addresses import is_refused
from nines.probes import artifacts
from nines.probes.http import MARK, agent
from nines.probes.measures import CannotLookError, Phases, Run, StepError, late
from nines.reading import duration
from nines.telemetry.journey import BrowserAct, BrowserCall
from nines.telemetry.templates import filled, places

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_QUIET = (
    "--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic", "--disable-default-apps",
)  # fmt: skip
#: Names that the browser does not resolve, so that no page and no redirect leads to a cloud's secrets.
_UNREACHED = ("169.254.*", "[fe80:*]", "100.100.100.200", "[fd00:ec2::254]", "metadata.google.internal")
#: Names of this machine itself, where they are refused.
_INWARD = ("localhost", "*.localhost", "127.*", "[::1]")
#: Phase -> the marks in a request's timing between which it lies; with TLS, connecting ends where that begins.
_PHASES = {
    "dns_ms": ("domainLookupStart", "domainLookupEnd"), "connect_ms": ("connectStart", "connectEnd"),
    "tls_ms": ("secureConnectionStart", "connectEnd"), "first_byte_ms": ("requestStart", "responseStart"),
    "transfer_ms": ("responseStart", "responseEnd"),
}  # fmt: skip


def add_phases(phases: Phases, timing: Mapping[str, float]) -> None:
    """Add the time of one page, as far as the browser tells: it often opens connections ahead, and then does not.

    Args:
        phases: takes the time.
        timing: marks in milliseconds as Playwright gives them; -1 where there was no such part.

    Example:
        >>> marks = dict.fromkeys(["domainLookupStart", "domainLookupEnd", "requestStart", "responseStart"], -1)
        >>> marks |= {"connectStart": 1, "secureConnectionStart": 3, "connectEnd": 8, "responseEnd": -1}
        >>> add_phases(found := Phases(), marks)
        >>> found.known()
        {'connect_ms': 2.0, 'tls_ms': 5.0}
    """
    secure = timing["secureConnectionStart"]
    for phase, (begin, end) in _PHASES.items():
        first, last = timing[begin], secure if phase == "connect_ms" and secure >= 0 else timing[end]
        if 0 <= first <= last:
            phases.add(phase, (last - first) / 1000)


class BrowserSession:
    """The browser steps of one try: they share one page, its cookies and its history."""

    def __init__(self, run: Run, *, recorded: bool) -> None:
        """Start a browser; that is not part of any step's time.

        Args:
            run: the try.
            recorded: whether traffic and trace are recorded, to be kept when a step fails.

        Raises:
            CannotLookError: there is no Playwright or no Chromium.
        """
        try:
            from playwright.sync_api import Error, sync_playwright
        except ImportError as error:
            msg = "browser steps need Playwright; install nines[browser]"
            raise CannotLookError(msg) from error
        self.run, self._recorded, self._error = run, recorded, Error
        self._shut: list[Any] = []
        self._strayed: list[str] = []
        self._pages: list[Any] = []
        self._private: list[str] = []
        self._folder = Path(tempfile.mkdtemp(prefix="nines-browser-"))
        try:
            self._playwright = sync_playwright().start()
            self._shut.append(self._playwright.stop)
            self._open()
        except Error as error:
            self.close()
            msg = f"Chromium does not start: {str(error).splitlines()[0]}"
            raise CannotLookError(msg) from error
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        path = next((p for name in _NAMES if (p := shutil.which(name))), None)
        resolver = self.run.resolver
        inward = _INWARD if is_refused("127.0.0.1", (), resolver.refuse) else ()
        rules = [f"MAP {host} ~NOTFOUND" for host in (*_UNREACHED, *inward)]
        rules += [f"EXCLUDE {host}" for host in resolver.allow if "/" not in host]
        arguments = [*_QUIET, f"--host-resolver-rules={', '.join(rules)}"]
        # A sandbox of its own cannot be had as root, where the machine's own walls have to do.
        browser = self._playwright.chromium.launch(
            executable_path=path, args=arguments, chromium_sandbox=os.geteuid() != 0
        )
        self._shut.append(browser.close)
        blank = browser.new_page()
        name = f"{blank.evaluate('navigator.userAgent')} {agent(self.run.version)}"
        blank.close()
        self._context = browser.new_context(
            user_agent=name, extra_http_headers={MARK: self.run.probe}, service_workers="block",
            record_har_path=self._folder / "har.json" if self._recorded else None,
        )  # fmt: skip
        self._shut.append(self._context.close)
        if self._recorded:  # no film: what it shows could not be masked
            self._context.tracing.start(screenshots=False, snapshots=True, sources=False)
        self._context.on("response", self._heard)
        self._page = self._context.new_page()
        wire = self._context.new_cdp_session(self._page)
        wire.on("Network.responseReceived", self._came)
        wire.send("Network.enable")

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.hostname:
            with suppress(OSError):  # the browser will find out itself that there is no such name
                self.run.resolver.addresses(parts.hostname, parts.port or 443, max(0.1, self._left() / 1000))

    def _heard(self, response: Any) -> None:  # noqa: ANN401 - Playwright is imported late
        if response.request.is_navigation_request() and response.frame.parent_frame is None:
            self._pages.append(response.request)

    def _came(self, event: Mapping[str, Any]) -> None:
        """Note an answer from an address that must not be asked, wherever the page or a redirect had it from."""
        address = str(event["response"].get("remoteIPAddress", "")).strip("[]")
        if address and self.run.resolver.refuses(address):
            self._strayed.append(address)

    def _left(self) -> float:
        return self.run.remaining() * 1000

    def perform(self, call: BrowserCall) -> None:
        """Do some things one after the other.

        Args:
            call: what to do.

        Raises:
            StepError: one of them cannot be done, or not in time.
            InputError: an address must not be asked.
        """
        try:
            for act in call.acts:
                with self._told(act):
                    self._do(act)
                self._refuse_strays()
        finally:
            for request in self._pages:
                add_phases(self.run.phases, request.timing)
            self._pages.clear()

    def _do(self, act: BrowserAct) -> None:
        target, value = act.target, filled(act.value, self.run.values)
        if act.kind == "goto":
            self._goto(filled(target, self.run.values, lambda text: quote(text, safe="")))
        elif act.kind == "fill":
            if places(act.value):
                self._private.append(target)
            self._page.fill(target, value, timeout=self._left())
        elif act.kind == "click":
            self._page.click(target, timeout=self._left())
        elif act.kind == "expect":
            shown = self._page.get_by_text(value).locator("visible=true").first
            shown.wait_for(state="visible", timeout=self._left())
        else:
            self._wait(target)

    def _goto(self, url: str) -> None:
        self._check(url)
        answer = self._page.goto(url, timeout=self._left())
        if answer is not None:
            self.run.status = answer.status
            if answer.status >= 400:  # noqa: PLR2004 - HTTP's errors begin here
                raise StepError(what=f"the page answers with status {answer.status}", code="step-status")

    def _wait(self, target: str) -> None:
        try:
            pause = duration(target).total_seconds() * 1000
        except ValueError:
            self._page.wait_for_selector(target, timeout=self._left())
        else:
            self._page.wait_for_timeout(min(pause, self._left()))
            self.run.remaining()

    def _refuse_strays(self) -> None:
        """Fail when the page has led to an address that must not be asked; nothing it said is kept then."""
        if self._strayed:
            what = f"the page leads to {self._strayed[0]}, which is not to be asked"
            raise StepError(what=what, code="redirect-refused")

    @contextmanager
    def _told(self, act: BrowserAct) -> Iterator[None]:
        """Say which thing could not be done, in the definition's own words, so that no secret is repeated."""
        word = {"expect": act.value, "wait": act.target, "goto": act.target}.get(act.kind, act.target)
        try:
            yield
        except self._error as error:
            if "Timeout" in type(error).__name__ and act.kind == "goto":
                raise late() from error
            why = "it does not come in time" if "Timeout" in type(error).__name__ else str(error).splitlines()[0]
            raise StepError(what=f"{act.kind} {word!r}: {why}", code="browser-step") from error

    def shot(self, path: Path) -> Path | None:
        """Keep a picture of the page, with fields that hold secrets, and texts that show them, covered.

        Args:
            path: where to.

        Returns:
            The path, or None when the page cannot or must not be shown.
        """
        if self._strayed:
            return None
        hidden = [v for n, v in self.run.values.items() if n.startswith("secret:")]
        covers = [self._page.locator(s) for s in self._private] + [self._page.get_by_text(v) for v in hidden if v]
        with suppress(self._error):
            path.touch(mode=0o600)
            self._page.screenshot(path=path, mask=covers, timeout=5_000)
            return path
        path.unlink(missing_ok=True)
        return None

    def keep(self, folder: Path) -> list[Path]:
        """Close the browser and keep its record: traffic and trace.

        Args:
            folder: where to.
        """
        kept: list[Path] = []
        if self._strayed:
            return kept
        trace, har = self._folder / "trace.zip", self._folder / "har.json"
        with suppress(self._error):
            self._context.tracing.stop(path=trace)
        with suppress(self._error):
            self._context.close()
        if har.exists():
            kept.append(artifacts.keep_har(folder / "browser.har", har, self.run.masker))
        if trace.exists():
            kept.append(artifacts.keep_trace(folder / "trace.zip", trace, self.run.masker))
        return kept

    def close(self) -> None:
        """Close everything, and delete what was recorded and not kept."""
        while self._shut:
            with suppress(self._error):
                self._shut.pop()()
        shutil.rmtree(self._folder, ignore_errors=True)
