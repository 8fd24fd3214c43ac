"""Sending what is queued to the centre: fresh batches first, the backlog in what is left, each until it has a receipt.

A batch leaves the queue only when the centre has said that it is on its disk. It is sent again as often as it takes,
always under the same key, so that it counts once.
"""

from __future__ import annotations

import email.utils
import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from nines.agent.beat import Beat, Stamps
from nines.agent.settings import Centre
from nines.errors import InputError, Problem
from nines.operations.queueing import Parcel, Queue
from nines.protocols.arrow_batch import CONTENT_TYPE

log = logging.getLogger("nines.agent")

#: Patience with a connection and with an answer, seconds.
CONNECT_S, ANSWER_S = 5.0, 30.0
#: First pause after a failure; pauses double up to half the shortest interval, within these bounds, seconds.
FIRST_PAUSE_S, LEAST_MOST_S, MOST_PAUSE_S = 0.5, 1.0, 60.0
#: Longest pause that the centre may ask for, seconds.
MOST_ASKED_S = 3600.0
#: Seconds for which a source that the centre does not know is passed over.
PASSED_OVER_S = 60.0
#: Longest time without a look at what waits, seconds.
IDLE_S = 10.0
#: Losses are told at most so often, seconds.
LOSSES_EVERY_S = 5.0
#: Bytes of a request beside its body, about.
_HEADERS = 600
#: Statuses by which our centre says that it will never take a batch; it then names problems.
_NEVER = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of sending a batch.

    Attributes:
        verdict: "taken"; "never", when it is refused for good; "unknown", when the centre does not know its source;
            "later", when anything else went wrong.
        told: what went wrong, or "".
        pause_s: seconds after which the centre wants to be asked again, or None.
    """

    verdict: str
    told: str = ""
    pause_s: float | None = None


class Link:
    """The connection to the centre."""

    def __init__(self, centre: Centre, site: str, clock: Callable[[], datetime]) -> None:
        """Begin without a connection.

        Args:
            centre: whom to send to.
            site: where the agent stands.
            clock: the wall clock.
        """
        self._centre, self._site, self._clock = centre, quote(site), clock
        self._client: httpx.Client | None = None
        self.sent_bytes = 0

    def send(self, parcel: Parcel) -> Outcome:
        """Send a batch and return what came of it; it never raises for what the way or the centre does."""
        url = f"{self._centre.url.rstrip('/')}/api/nines/v1/batches/{quote(parcel.source, safe='')}"
        try:
            client = self._connected()
            self.sent_bytes += len(parcel.payload) + _HEADERS
            answer = client.post(
                url, params={"kind": parcel.kind}, content=parcel.payload,
                headers={"Idempotency-Key": parcel.key, "Nines-Site": self._site, "Content-Type": CONTENT_TYPE},
            )  # fmt: skip
        except (httpx.HTTPError, OSError) as error:
            self.close()
            return Outcome("later", f"it cannot be reached: {type(error).__name__} {error}".strip()[:300])
        return self._judged(answer)

    def _judged(self, answer: httpx.Response) -> Outcome:
        body = _object(answer)
        if answer.status_code == HTTPStatus.OK and isinstance(body.get("receipt"), int):
            return Outcome("taken")
        problems = body.get("problems")
        told = f"it answers {answer.status_code}"
        if isinstance(problems, list) and problems:
            told += f": {problems[0]}"[:300]
            if answer.status_code in _NEVER:
                return Outcome("never", told)
            if answer.status_code == HTTPStatus.NOT_FOUND:
                return Outcome("unknown", told)
        if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            self.close()  # the token is read anew next time
        return Outcome("later", told, _asked_pause(answer.headers.get("retry-after", ""), self._clock()))

    def _connected(self) -> httpx.Client:
        if self._client is None:
            centre = self._centre
            headers = {"User-Agent": "nines-agent"}
            if centre.token_file is not None:
                headers["Authorization"] = f"Bearer {centre.token_file.read_text(encoding='utf-8').strip()}"
            trusted = httpx.create_ssl_context(verify=str(centre.ca_file)) if centre.ca_file else True
            self._client = httpx.Client(
                headers=headers, timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S), verify=trusted,
                proxy=centre.proxy, trust_env=False, follow_redirects=False,
            )  # fmt: skip
        return self._client

    def close(self) -> None:
        """End the connection; the next batch opens another."""
        if self._client is not None:
            self._client.close()
        self._client = None


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _asked_pause(text: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, as seconds or as a date, or None.

    Source: RFC 9110, section 10.2.3.
    """
    if text.isdigit():
        return min(float(text), MOST_ASKED_S)
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return min(max(0.0, (until - now).total_seconds()), MOST_ASKED_S) if until.tzinfo else None


class Forwarder:
    """Empties a queue towards the centre.

    Attributes:
        sent: batches that have their receipt.
        refused: batches that the centre refused for good.
    """

    def __init__(
        self, queue: Queue, link: Link, beat: Beat, stamps: Stamps, *, interval_s: float, most_bytes_per_s: float | None
    ) -> None:
        """Begin with nothing sent.

        Args:
            queue: what to send.
            link: where to.
            beat: clocks.
            stamps: the instants that batches were queued at come from them.
            interval_s: shortest interval of a collector, seconds; what was queued within it is fresh.
            most_bytes_per_s: bound of the backlog's bytes, or None.
        """
        self._queue, self._link, self._beat, self._stamps = queue, link, beat, stamps
        self._fresh = timedelta(seconds=interval_s)
        self._most_pause = min(max(interval_s / 2, LEAST_MOST_S), MOST_PAUSE_S)
        self._rate, self._room = most_bytes_per_s, 0.0
        self._room_at = self._losses_at = beat.monotonic()
        self._failures, self._told = 0, ""
        self._passed_over: dict[str, float] = {}
        self._chance = random.SystemRandom()
        self.sent = self.refused = 0

    def run(self, wake: threading.Event, stop: threading.Event) -> None:
        """Send until told to stop.

        Args:
            wake: set when something was queued.
            stop: set to end; `wake` is set after it.
        """
        while not stop.is_set():
            wake.clear()
            pause = self.step()
            if pause is None:
                self._beat.wait(wake, IDLE_S)
            elif pause > 0:  # after a failure nothing fresh is tried earlier
                self._beat.wait(stop if self._failures else wake, pause)

    def drain(self) -> bool:
        """Send until nothing is left or something fails; returns whether nothing is left."""
        self._losses_at = self._beat.monotonic() - LOSSES_EVERY_S
        while (pause := self.step()) is not None:
            if self._failures:
                return False
            if pause > 0:
                self._beat.wait(threading.Event(), pause)
        return not self._passed_over

    def step(self) -> float | None:
        """Send one batch; returns seconds to wait before the next, or None when nothing waits."""
        now = self._beat.monotonic()
        self._passed_over = {s: until for s, until in self._passed_over.items() if until > now}
        if not self._failures and now - self._losses_at >= LOSSES_EVERY_S:
            self._queue.queue_losses(arrival=self._stamps.now())
            self._losses_at = now
        fresh_after = self._stamps.now() - self._fresh
        parcel = self._queue.next(fresh_after=fresh_after, passed_over=tuple(self._passed_over))
        if parcel is None:
            return None
        if self._rate is not None:
            self._room = min(self._room + (now - self._room_at) * self._rate, self._rate * 10)
            self._room_at = now
            if self._room < 0 and parcel.arrival_instant <= fresh_after:
                return min(-self._room / self._rate, self._fresh.total_seconds())
            self._room -= len(parcel.payload) + _HEADERS
        return self._settle(parcel, self._link.send(parcel), now)

    def _settle(self, parcel: Parcel, outcome: Outcome, now: float) -> float:
        """Do what an outcome asks for; returns seconds to wait."""
        if outcome.verdict == "later":
            self._tell(outcome.told)
            return self._pause(outcome.pause_s)
        if outcome.verdict == "taken":
            self._queue.done(parcel)
            self.sent += 1
            self._tell("")
        elif outcome.verdict == "never":
            self._queue.give_up(parcel)
            self.refused += 1
            log.error(
                "the centre refuses a batch of %s for good, so it is booked as lost; %s", parcel.source, outcome.told
            )
        else:
            self._passed_over[parcel.source] = now + PASSED_OVER_S
            log.warning("batches of %s wait; %s", parcel.source, outcome.told)
        self._failures = 0
        return 0.0

    def _pause(self, asked: float | None) -> float:
        """Return how long to wait after a failure: as asked, or twice as long each time, spread at random."""
        longest = min(self._most_pause, FIRST_PAUSE_S * 2.0 ** min(self._failures, 20))
        self._failures += 1
        return max(longest * self._chance.uniform(0.5, 1.0), asked or 0.0)

    def _tell(self, what: str) -> None:
        """Log what is wrong with the centre once, until it changes."""
        if what and what != self._told:
            log.warning("the centre takes nothing; %s", what)
        elif self._told and not what:
            log.info("the centre takes batches again")
        self._told = what


def check_token(centre: Centre) -> None:
    """Tell at the start when the token cannot be read.

    Raises:
        InputError: it cannot.
    """
    try:
        if centre.token_file is not None:
            centre.token_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fix = "check centre.token_file and its rights"
        raise InputError(Problem(str(centre.token_file), "the token cannot be read", fix, code="no-secret")) from error
