"""What a beacon's page and browser are: routes instead of paths, a coarse device, and whether a person sat there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from urllib.parse import urlsplit

from nines.errors import InputError, Problem

#: Characters kept of a path, and of a pattern of routes.
LONGEST_PATH = 512
_PLACEHOLDER = re.compile(r"\{[^{}/]*\}|:[^/]+|\*")
_TABLET = re.compile(r"ipad|tablet|kindle|silk/|playbook|android(?!.*mobile)", re.IGNORECASE)
_MOBILE = re.compile(r"mobi|iphone|ipod|windows phone|opera mini", re.IGNORECASE)
#: Browsers that nobody sits at, by what they write into `User-Agent`. The last are crawlers and testing services.
_SYNTHETIC = re.compile(
    r"headless|phantomjs|puppeteer|playwright|selenium|webdriver|cypress|nines-probe|\bk6\b|lighthouse|pagespeed|ptst/"
    r"|(?<!cu)bot(?:\b|_)|crawl|spider|slurp|synthetic|checkly|pingdom|uptime|gtmetrix|catchpoint|site24x7"
    r"|statuscake|rigor|dareboost|speedcurve|calibre|prerender",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Routes:
    """Patterns that give a page's path its route, the first that fits.

    Attributes:
        patterns: what a whole path must be, and the route as it was written.
    """

    patterns: tuple[tuple[re.Pattern[str], str], ...] = ()

    @classmethod
    def of(cls, *written: str) -> Routes:
        """Return routes as people write them.

        Args:
            written: paths from "/" on, in which `{name}`, `:name` or `*` stands for one part, and `**` at the end for
                all that follow.

        Raises:
            InputError: one does not begin with "/", or is longer than `LONGEST_PATH`.

        Example:
            >>> Routes.of("/product/{id}", "/docs/**").route("/product/17")
            '/product/{id}'
        """
        return cls(tuple((_pattern(text), text) for text in written))

    def route(self, path: str) -> str | None:
        """Return the route of a path, or None where no pattern fits."""
        return next((text for pattern, text in self.patterns if pattern.fullmatch(path)), None)


@dataclass(frozen=True, slots=True)
class Sender:
    """What the receiver knows of who sent a beacon.

    Attributes:
        user_agent: the header of that name, or "".
        marked: whether the request bore the header by which our own probes are known.
        region: where it came from, as far as the receiver knows, or "".
        rate: share of sessions that is measured, 0 < rate <= 1, where the beacon cannot say; None when nobody knows.
        routes: routes of the site.
    """

    user_agent: str = ""
    marked: bool = False
    region: str = ""
    rate: Fraction | None = None
    routes: Routes = Routes()


@lru_cache(maxsize=4096)
def device(user_agent: str) -> str:
    """Return "mobile", "tablet" or "desktop", or "" without a word from the browser.

    Example:
        >>> device("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148")
        'mobile'
    """
    if not user_agent:
        return ""
    if _TABLET.search(user_agent):
        return "tablet"
    return "mobile" if _MOBILE.search(user_agent) else "desktop"


@lru_cache(maxsize=4096)
def synthetic(user_agent: str) -> bool:
    """Return whether a browser says of itself that no person uses it.

    Example:
        >>> synthetic("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/131.0.0.0"), synthetic("Mozilla/5.0 CUBOT_X18")
        (True, False)
    """
    return _SYNTHETIC.search(user_agent) is not None


@lru_cache(maxsize=4096)
def place(url: str) -> tuple[str, str]:
    """Return a page's address and its path, without name and password, query and fragment, or "" and "".

    Example:
        >>> place("https://shop.example/cart/7?token=secret#top")
        ('https://shop.example/cart/7', '/cart/7')
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    if parts.scheme not in {"http", "https", ""} or not (parts.netloc or parts.path.startswith("/")):
        return "", ""
    path = (parts.path or "/")[:LONGEST_PATH]
    host = parts.netloc.rpartition("@")[2][:256]
    return (f"{parts.scheme or 'https'}://{host}{path}" if host else path), path


def _pattern(text: str) -> re.Pattern[str]:
    if not text.startswith("/") or len(text) > LONGEST_PATH:
        what = f"the route {text[:60]!r} does not begin with '/' or is longer than {LONGEST_PATH} characters"
        raise InputError(Problem("routes", what, "write it as /product/{id}", code="bad-route"))
    body, rest = (text[:-2], ".*") if text.endswith("**") else (text, "/?")
    literals = [re.escape(part) for part in _PLACEHOLDER.split(body)]
    return re.compile("[^/]+".join(literals) + rest, re.DOTALL)
