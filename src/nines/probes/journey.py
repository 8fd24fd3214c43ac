"""Runs a journey: its steps in order, what one takes for the next, and whether a failure is the prober's own.

The first try is what counts. Tries after it tell whether an alert may follow, and change nothing else.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from nines.errors import InputError, Problem
from nines.probes import artifacts, dns, icmp, tcp, tls
from nines.probes.browser import BrowserSession
from nines.probes.checks import meet, taken
from nines.probes.http import HttpSession, trust
from nines.probes.masking import Masker
from nines.probes.measures import CannotLookError, Phases, Run, StepError
from nines.probes.names import Resolver
from nines.probes.result import JourneyResult, StepResult, Try, share_ms
from nines.telemetry.journey import (
    BrowserCall,
    DnsCall,
    HttpCall,
    IcmpCall,
    Journey,
    Step,
    TcpCall,
    TlsCall,
    step_texts,
)
from nines.telemetry.templates import HIDDEN, places

#: Longest patience with one address that shows whether the location is connected.
CONNECTED_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where and how a journey is run.

    Attributes:
        location: name of the place.
        scheduled: instant by which the run is known.
        at: wall clock now.
        version: of this program, told to what is probed.
        secrets: name -> secret; only those the journey names are used.
        allow: addresses and networks that are asked although they would be refused.
        refuse: networks that are refused beside the usual ones.
        values: name -> text in place of the journey's own; others than those it has are not used.
        artifacts: folder that keeps the record of failed tries, or None to keep none.
        pause: called with seconds between tries.
    """

    location: str
    scheduled: datetime
    at: datetime
    version: str
    secrets: Mapping[str, str] = field(default_factory=dict)
    allow: Sequence[str] = ()
    refuse: Sequence[str] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    artifacts: Path | None = None
    pause: Callable[[float], None] = time.sleep


def secrets_of(journey: Journey) -> tuple[str, ...]:
    """Return the names of the secrets a journey needs, sorted.

    Args:
        journey: any.
    """
    named = {name for step in journey.steps for text in step_texts(step) for name in places(text)}
    return tuple(sorted(name.removeprefix(HIDDEN) for name in named if name.startswith(HIDDEN)))


def run_journey(journey: Journey, around: Surroundings) -> JourneyResult:
    """Run a journey once, with the tries after a failed first one.

    Args:
        journey: what to do.
        around: where and how.

    Returns:
        What it showed; unknown, and never down, when the location itself is not connected or lacks what it needs.

    Raises:
        InputError: a secret is missing, or an address must not be asked.
    """
    began, named = time.perf_counter(), secrets_of(journey)
    missing = [n for n in named if not around.secrets.get(n)]
    if missing:
        fix = "put it into the file given with --secrets"
        raise InputError(*(Problem(journey.name, f"there is no secret {n}", fix, code="no-secret") for n in missing))
    values = {name: around.values.get(name, text) for name, text in journey.values}
    values |= {f"{HIDDEN}{name}": around.secrets[name] for name in named}
    if not connected(journey.connectivity, around):
        return _unknown(journey, around, (), "the location is not connected")
    tries, kept = list[Try](), list[Path]()
    for number in range(1, journey.retries + 2):
        if number > 1:
            around.pause(journey.retry_after.total_seconds())
        at = around.at + timedelta(seconds=time.perf_counter() - began)
        tries.append(_try(journey, around, number, at, values, kept))
        if tries[-1].state != "down":
            break
        if number == 1 and not connected(journey.connectivity, around):
            return _unknown(journey, around, tuple(tries), "the location lost its connection")
    if tries[0].state == "unknown":
        return _unknown(journey, around, tuple(tries), tries[0].finding)
    return JourneyResult(
        probe=journey.name, location=around.location, scheduled=around.scheduled, state=tries[0].state,
        confirmed=all(t.state == "down" for t in tries), tries=tuple(tries), artifacts=tuple(kept),
        not_run=tuple(s.name for s in journey.steps[len(tries[0].steps) :]),
    )  # fmt: skip


def _unknown(journey: Journey, around: Surroundings, tries: tuple[Try, ...], why: str) -> JourneyResult:
    fix = "nothing is stored; look after the prober"
    finding = Problem(f"{journey.name} from {around.location}", why, fix, "warning", "probe-unknown")
    return JourneyResult(
        probe=journey.name, location=around.location, scheduled=around.scheduled, state="unknown", confirmed=False,
        tries=tries, findings=(finding,),
    )  # fmt: skip


def connected(targets: Sequence[str], around: Surroundings) -> bool:
    """Return whether any of some addresses can be reached; true when there is none to ask.

    Args:
        targets: `host:port`, which has to take a connection, or http addresses, which have to answer anything.
        around: where from.
    """
    return not targets or any(_reached(target, around) for target in targets)


def _reached(target: str, around: Surroundings) -> bool:
    resolver, now = Resolver(around.allow, around.refuse), time.perf_counter()
    run = Run("connectivity", around.version, around.at, now + CONNECTED_S, {}, Masker(), resolver)
    try:
        if re.match(r"https?://", target):
            session = HttpSession(run)
            try:
                session.perform(HttpCall(url=target.replace("${", "$${"), follow=0))
            finally:
                session.close()
        else:
            host, _, port = target.rpartition(":")
            tcp.connect(run, host.strip("[]"), int(port)).close()
    except (StepError, httpx.HTTPError):
        return False
    return True


@dataclass
class _Tools:
    """What the steps of one try share, opened when the first needs it."""

    run: Run
    http: HttpSession | None = None
    browser: BrowserSession | None = None

    def prepare(self, journey: Journey, *, recorded: bool) -> None:
        """Do beforehand what takes long and is nobody's but the prober's."""
        for call in (step.call for step in journey.steps):
            if isinstance(call, HttpCall | TlsCall):
                trust(self.run, verify=call.verify, ca_file=call.ca_file)
        self.http = HttpSession(self.run)
        if any(isinstance(step.call, BrowserCall) for step in journey.steps):
            self.browser = BrowserSession(self.run, recorded=recorded)

    def perform(self, step: Step) -> None:
        call = step.call
        if isinstance(call, HttpCall):
            self._http(call, step)
        elif isinstance(call, TcpCall):
            tcp.perform(self.run, call)
        elif isinstance(call, DnsCall):
            dns.perform(self.run, call)
        elif isinstance(call, TlsCall):
            tls.perform(self.run, call)
        elif isinstance(call, IcmpCall):
            icmp.perform(self.run, call)
        elif self.browser is not None:
            self.browser.perform(call)

    def _http(self, call: HttpCall, step: Step) -> None:
        assert self.http is not None
        answer = self.http.perform(call)
        meet(step.expect, answer, self.run.values)
        for extract in step.extract:
            value = taken(extract, answer)
            self.run.values[extract.name] = value
            if extract.secret:
                self.run.masker.add(value)

    def close(self) -> None:
        for one in (self.browser, self.http):
            if one is not None:
                one.close()


def _try(
    journey: Journey, around: Surroundings, number: int, at: datetime, values: Mapping[str, str], kept: list[Path]
) -> Try:
    masker = Masker(text for name, text in values.items() if name.startswith(HIDDEN))
    resolver = Resolver(around.allow, around.refuse)
    run = Run(journey.name, around.version, at, 0.0, dict(values), masker, resolver)
    run.restart(journey.timeout.total_seconds())
    tools, steps = _Tools(run), list[StepResult]()
    try:
        tools.prepare(journey, recorded=around.artifacts is not None)
        run.restart(journey.timeout.total_seconds())
        for step in journey.steps:
            steps.append(_step(tools, step))
            if steps[-1].state == "down":
                break
        took = (time.perf_counter() - run.began) * 1000
        done = Try(number=number, state=steps[-1].state, ended=run.wall(), duration_ms=took, steps=tuple(steps))
        if done.state == "down" and around.artifacts is not None:
            kept += _kept(around, journey, done, tools)
    except CannotLookError as error:
        return Try(number=number, state="unknown", ended=run.wall(), duration_ms=0.0, steps=tuple(steps),
                   finding=str(error))  # fmt: skip
    finally:
        tools.close()
    return done


def _step(tools: _Tools, step: Step) -> StepResult:
    run = tools.run
    run.phases, run.status = Phases(), None
    begun, failure = time.perf_counter(), None
    try:
        run.remaining()
        tools.perform(step)
    except StepError as error:
        failure = error
    took = (time.perf_counter() - begun) * 1000
    if failure is None and step.expect.max_ms is not None and took > step.expect.max_ms:
        failure = StepError(what=f"it took {took:.0f} ms, expected {step.expect.max_ms} at most", code="too-slow")
    return StepResult(
        name=step.name, state="up" if failure is None else "down", ended=run.wall(), duration_ms=took,
        phases=run.phases.known(), status=run.status, error="" if failure is None else run.masker.text(failure.what),
        code="" if failure is None else failure.code, share_ms=share_ms(step.share),
    )  # fmt: skip


def _kept(around: Surroundings, journey: Journey, done: Try, tools: _Tools) -> list[Path]:
    """Keep the record of a failed try."""
    assert around.artifacts is not None
    run = tools.run
    folder = artifacts.folder_for(around.artifacts, journey.name, around.location, around.scheduled, done.number)
    steps = [
        {
            "name": s.name, "state": s.state, "ended": s.ended.isoformat(), "duration_ms": round(s.duration_ms, 3),
            "phases": dict(s.phases), "status": s.status, "error": s.error, "code": s.code,
        }
        for s in done.steps
    ]  # fmt: skip
    about = {"probe": journey.name, "location": around.location, "scheduled": around.scheduled.isoformat(),
             "attempt": done.number, "state": done.state, "steps": steps}  # fmt: skip
    kept = [artifacts.keep_json(folder / "journey.json", about, run.masker)]
    if tools.http is not None and tools.http.exchanges:
        path = folder / "http.har"
        kept.append(artifacts.keep_exchanges(path, tools.http.exchanges, run.masker, began=run.at, version=run.version))
    if tools.browser is not None:
        shot = tools.browser.shot(folder / f"{done.steps[-1].name}.png")
        kept += [*([shot] if shot else []), *tools.browser.keep(folder)]
    return kept
