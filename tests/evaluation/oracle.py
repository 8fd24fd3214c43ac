"""A second opinion: standings worked out event by event, with plain loops and fractions.

It shares nothing with `nines.evaluation` but the value types of objectives and spans. Slow, and meant to be read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise

from nines.objectives.exclusion import Exclusion
from nines.objectives.objective import Objective
from nines.spans import Span

MINUTE = timedelta(minutes=1)
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
ORDER = ("shrink-denominator", "drop-events", "count-as-good")
LOOKBACKS = {"5m": 5, "30m": 30, "1h": 60, "2h": 120, "6h": 360, "1d": 1440, "3d": 4320}


@dataclass(frozen=True)
class Event:
    """One thing that happened: when, when it was told, how it went, and what a scope can see of it."""

    at: datetime
    arrived: datetime
    outcome: str  # good | bad | unknown
    tag: str = ""


@dataclass(frozen=True)
class World:
    """Everything that ever happened, whoever knew of it when."""

    events: tuple[Event, ...]
    pulses: tuple[tuple[datetime, datetime], ...]  # when, and when it was told
    gap: timedelta
    exclusions: tuple[Exclusion, ...] = ()
    broken: frozenset[datetime] = frozenset()  # beginnings of minutes with impossible figures
    bridged: frozenset[datetime] = frozenset()  # beginnings of minutes known only through a later reading
    first: datetime | None = None  # beginning of the first minute ever heard, when it lies before all of this


@dataclass
class Minute:
    """One minute as it looks after service hours and exclusions."""

    start: datetime
    counted: bool
    mark: str  # plain | shrunk | dropped | forced
    state: str  # alive | bridged | silent | unborn
    good: int = 0
    bad: int = 0
    unknown: int = 0
    excluded: int = 0
    emptied: int = 0


@dataclass
class Unit:
    """One slice (or minute, for Occurrences) with what it adds to a window."""

    start: datetime
    term: int
    good: Fraction = Fraction(0)
    bad: Fraction = Fraction(0)
    unknown: Fraction = Fraction(0)
    silent: int = 0
    known: int = 0
    counted: int = 0
    inside: bool = True
    measured: Fraction | None = None  # its good share, where it was measured


@dataclass
class Total:
    """Sums of a window."""

    good: Fraction = Fraction(0)
    bad: Fraction = Fraction(0)
    doubt: Fraction | None = Fraction(0)
    allowed: Fraction = Fraction(0)
    allowed_doubt: Fraction = Fraction(0)
    known: int = 0
    counted: int = 0

    @property
    def units(self):
        return self.good + self.bad

    def coverage(self):
        return Fraction(self.known, self.counted) if self.counted else Fraction(1)

    def bounds(self):
        if self.doubt is None or self.units + self.doubt == 0:
            return None
        whole = self.units + self.doubt
        return self.good / whole, (self.good + self.doubt) / whole

    def burn(self):
        rate = self.bad / self.allowed if self.allowed else None
        low = high = None
        if self.doubt is not None and self.allowed + self.allowed_doubt:
            low = self.bad / (self.allowed + self.allowed_doubt)
            high = (self.bad + self.doubt) / (self.allowed + self.allowed_doubt)
        return rate, low, high, self.coverage()


def minute_begin(at):
    return EPOCH + (at - EPOCH) // MINUTE * MINUTE


def minutes_between(start, end):
    while start < end:
        yield start
        start += MINUTE


@dataclass
class Oracle:
    """One question: an objective, a world, an instant asked about and an instant of knowledge."""

    objective: Objective
    world: World
    at: datetime
    known_at: datetime
    excluding: bool = True
    lookback: str = "1h"  # the longest burn rate worked out; the longer ones take long by hand
    exclusions: list[Exclusion] = field(default_factory=list)

    def __post_init__(self):
        self.method = self.objective.terms[0].method
        self.length = self.method.slice_minutes * MINUTE
        self.events = [e for e in self.world.events if e.arrived <= self.known_at]
        told = [p for p, arrived in self.world.pulses if arrived <= self.known_at] + [e.at for e in self.events]
        self.heard = sorted({minute_begin(p) for p in told})
        firsts = self.heard[:1] + ([self.world.first] if self.world.first else [])
        self.first = min(firsts) if firsts else None
        on_record = [
            e
            for e in self.world.exclusions
            if (e.recorded_at is None or e.recorded_at <= self.known_at)
            and (e.withdrawn_at is None or e.withdrawn_at > self.known_at)
        ]
        self.exclusions = [self.allowed_part(e, on_record) for e in on_record] if self.excluding else []
        self.by_minute = {}
        for event in self.events:
            self.by_minute.setdefault(minute_begin(event.at), []).append(event)
        self.alive = set(self.heard)
        for earlier, later in pairwise(self.heard):
            if later - earlier <= self.world.gap:
                self.alive.update(minutes_between(earlier, later))
        self.set_frame()

    # -- time ---------------------------------------------------------------------------------------------------

    def set_frame(self):
        edge = minute_begin(self.at - self.objective.settle)
        window = self.objective.window
        if window.kind == "calendar":  # the oracle's world knows UTC days only
            self.start = self.at.replace(hour=0, minute=0, second=0, microsecond=0)
            self.finish = self.start + timedelta(days=1)
            edge = min(max(edge, self.start), self.finish)
            self.end = edge if edge == self.finish else self.start + (edge - self.start) // self.length * self.length
        else:
            self.end = self.finish = EPOCH + (edge - EPOCH) // self.length * self.length
            self.start = self.end - window.length
        # A held verdict may come from before the longest lookback, so nothing that left a trace may be cut off.
        traces = [*self.heard, *self.world.bridged, *(minute_begin(s.start) for e in self.exclusions for s in e.spans)]
        self.reach = min([self.start, self.end - LOOKBACKS[self.lookback] * MINUTE, *traces]) - self.length

    def slices(self, start, end):
        """The slices that begin in [start, end), each as (start, end)."""
        base = self.start if self.objective.window.kind == "calendar" else EPOCH
        at = base - (base - start) // self.length * self.length
        while at < end:
            yield at, min(at + self.length, self.finish)
            at += self.length

    def term_of(self, at):
        if self.objective.window.kind == "calendar":
            at = self.start
        return max(i for i, t in enumerate(self.objective.terms) if t.effective_from is None or t.effective_from <= at)

    # -- what is left of a minute -------------------------------------------------------------------------------

    def allowed_part(self, exclusion, on_record):
        """Cut an exclusion to the minutes its allowance grants, shared by clause, day by day, earliest first."""
        allowance = exclusion.allowance
        if allowance is None:
            return exclusion
        shared = [
            e
            for e in on_record
            if e.allowance == allowance and (e.clause or e.name) == (exclusion.clause or exclusion.name)
        ]
        wanted = sorted({m for e in shared for s in e.spans for m in minutes_between(s.start, s.end)})
        granted, used = set(), {}
        for minute in wanted:
            if used.get(minute.date(), 0) * MINUTE < allowance.length:
                used[minute.date()] = used.get(minute.date(), 0) + 1
                granted.add(minute)
        mine = {m for s in exclusion.spans for m in minutes_between(s.start, s.end)} & granted
        spans = tuple(Span(m, m + MINUTE) for m in sorted(mine))
        return Exclusion(name=exclusion.name, spans=spans, mode=exclusion.mode, where=exclusion.where)

    def state_of(self, minute):
        if minute in self.world.broken:
            state = "silent"
        elif minute in self.world.bridged:
            state = "bridged"
        else:
            state = "alive" if minute in self.alive else "silent"
        born = self.first is not None and minute >= self.first
        return state if born or state != "silent" else "unborn"

    def covers_whole(self, minute, mode):
        """Whether every instant of a minute lies in unscoped exclusions of a mode."""
        spans = sorted(
            (s for e in self.exclusions if e.mode == mode and e.where is None for s in e.spans), key=lambda s: s.start
        )
        reached = minute
        for span in spans:
            if span.start <= reached < span.end:
                reached = span.end
        return reached >= minute + MINUTE

    def fate_of(self, event):
        for mode in ORDER:
            for e in self.exclusions:
                if (
                    e.mode == mode
                    and e.where in (None, event.tag)
                    and any(s.start <= event.at < s.end for s in e.spans)
                ):
                    return mode
        return ""

    def minute(self, start):
        hours = self.objective.hours
        counted = hours is None or any(s.start <= start and start + MINUTE <= s.end for s in hours.spans)
        mark = "plain"
        if counted:
            for mode, name in zip(ORDER, ("shrunk", "dropped", "forced"), strict=True):
                if self.covers_whole(start, mode):
                    mark = name
                    break
        found = Minute(start, counted, mark, self.state_of(start))
        if not counted or start in self.world.broken:
            return found
        for event in self.by_minute.get(start, ()):
            fate = self.fate_of(event)
            if fate in ORDER[:2]:
                found.excluded += 1
                found.emptied += 1
            elif fate == "count-as-good":
                found.good += 1
                found.excluded += event.outcome != "good"
            else:
                setattr(found, event.outcome, getattr(found, event.outcome) + 1)
        return found

    # -- what a slice is worth ----------------------------------------------------------------------------------

    def units(self, start, end):
        """Judge every slice that begins in [start, end), in order."""
        found, last = [], None
        for begin, stop in self.slices(start, end):
            minutes = [self.known_minutes[m] for m in minutes_between(begin, stop)]
            unit = Unit(begin, self.term_of(begin))
            counted = [m for m in minutes if m.counted]
            unit.inside = any(m.mark != "shrunk" for m in counted)
            rest = [m for m in counted if m.mark not in ("shrunk", "dropped")]
            unit.counted = len(rest)
            if self.method.name == "Occurrences":
                self.judge_events(unit, rest)
            elif rest:
                self.judge_slice(unit, rest, last, emptied=any(m.emptied for m in counted))
            if unit.good + unit.bad:
                last = unit
            found.append(unit)
        return found

    def judge_events(self, unit, rest):
        unit.good = Fraction(sum(m.good for m in rest))
        unit.bad = Fraction(sum(m.bad for m in rest))
        unit.unknown = Fraction(sum(m.unknown for m in rest))
        plain = [m for m in rest if m.mark == "plain"]
        unit.silent = sum(m.state == "silent" for m in plain)
        unit.known = len(rest) - sum(m.state in ("silent", "unborn") for m in plain)
        if unit.good + unit.bad:
            unit.measured = unit.good / (unit.good + unit.bad)

    def judge_slice(self, unit, rest, last, *, emptied):
        plain = [m for m in rest if m.mark == "plain"]
        missing = sum(m.state in ("silent", "bridged") for m in plain)
        unborn = sum(m.state == "unborn" for m in plain)
        if missing or unborn:
            if missing:
                self.impute_slice(unit, last)
            return
        unit.known = len(rest)
        good, bad, unknown = (sum(getattr(m, n) for m in rest) for n in ("good", "bad", "unknown"))
        total = good + bad + unknown
        if not plain:
            unit.good = Fraction(1)
        elif total == 0:
            if not emptied and self.objective.no_traffic != "skip":
                unit.good = Fraction(int(self.objective.no_traffic == "good"))
                unit.bad = 1 - unit.good
        elif self.method.name == "RatioTimeslices":
            if unknown:
                unit.unknown = Fraction(1)
            else:
                unit.good, unit.bad = Fraction(good, total), Fraction(bad, total)
        else:
            aim = self.objective.terms[unit.term].method.slice_target
            if Fraction(good, total) >= aim:
                unit.good = Fraction(1)
            elif Fraction(good + unknown, total) < aim:
                unit.bad = Fraction(1)
            else:
                unit.unknown = Fraction(1)

    def impute_slice(self, unit, last):
        policy = self.objective.missing
        if policy == "good":
            unit.good = Fraction(1)
        elif policy == "bad":
            unit.bad = Fraction(1)
        elif policy == "last" and last is not None:
            unit.good, unit.bad = last.good, last.bad
        elif policy in ("unknown", "last"):
            unit.unknown = Fraction(1)

    # -- sums ---------------------------------------------------------------------------------------------------

    def total(self, units):
        sums = Total(known=sum(u.known for u in units), counted=sum(u.counted for u in units))
        silent = sum(u.silent for u in units)
        rate = self.hidden_rate(units, sums.known) if silent else Fraction(0)
        last = None
        for unit in units:
            budget = 1 - self.objective.terms[unit.term].target
            good, bad, doubt = unit.good, unit.bad, unit.unknown
            if unit.measured is not None:
                last = unit.measured
            if not (good or bad or doubt or unit.silent):
                continue
            if unit.silent and self.objective.missing != "ignore":
                if rate is None:
                    doubt = None
                else:
                    good, bad, doubt = self.impute_events(unit, rate * unit.silent, last)
            sums.good, sums.bad = sums.good + good, sums.bad + bad
            sums.allowed += budget * (good + bad)
            if doubt is None or sums.doubt is None:
                sums.doubt = None
            else:
                sums.doubt += doubt
                sums.allowed_doubt += budget * doubt
        return sums

    def hidden_rate(self, units, known):
        estimator = self.objective.estimator
        if estimator.name == "stated":
            return estimator.per_minute
        if estimator.name == "none" or not known:
            return None
        return sum((u.good + u.bad + u.unknown for u in units), Fraction(0)) / known

    def impute_events(self, unit, hidden, last):
        good, bad, doubt = unit.good, unit.bad, unit.unknown
        policy = self.objective.missing
        if policy == "good":
            good += hidden
        elif policy == "bad":
            bad += hidden
        elif policy == "last" and last is not None:
            good, bad = good + hidden * last, bad + hidden * (1 - last)
        else:
            doubt += hidden
        return good, bad, doubt

    # -- the answer ---------------------------------------------------------------------------------------------

    def answer(self):
        self.known_minutes = {m: self.minute(m) for m in minutes_between(self.reach - self.length, self.finish)}
        units, self.recent = self.units(self.start, self.end), self.units(self.reach, self.end)
        sums = self.total(units)
        stop = max([self.start, *(min(u.start + self.length, self.finish) for u in units)])
        inside = [m for m in self.known_minutes.values() if self.start <= m.start < stop]
        sli = sums.good / sums.units if sums.units else None
        if sli is None and self.objective.no_traffic != "skip" and sums.known and sums.doubt == 0:
            sli = Fraction(int(self.objective.no_traffic == "good"))
        if sums.units and sums.allowed:
            to_date = sums.bad / sums.allowed
        else:
            to_date = Fraction(0) if sums.units and not sums.bad else None
        allowed, expected, allowed_range, full = self.period(units, sums)
        return {
            "counts": tuple(sum(getattr(m, n) for m in inside) for n in ("good", "bad", "unknown", "excluded")),
            "units": (sums.good, sums.bad),
            "sli": sli,
            "bounds": sums.bounds(),
            "coverage": sums.coverage(),
            "to_date": to_date,
            "period": (allowed, sums.bad, expected, allowed_range),
            "verdicts": self.verdicts(sli, sums, allowed, allowed_range, full=full),
            "burn": {
                name: self.burn(minutes) for name, minutes in LOOKBACKS.items() if minutes <= LOOKBACKS[self.lookback]
            },
        }

    def burn(self, minutes):
        back = max(minutes * MINUTE, self.length)
        units = [u for u in self.recent if self.end - back <= u.start < self.end]
        return self.total(units).burn()

    def period(self, units, sums):
        """Allowed bad units, units expected, the range of allowed ones, and whether the window is all there."""
        budgets = [1 - t.target for t in self.objective.terms]
        if self.method.name != "Occurrences":
            ahead = []
            for begin, stop in self.slices(self.end, self.finish):
                counted = [m for m in (self.known_minutes[x] for x in minutes_between(begin, stop)) if m.counted]
                if any(m.mark != "shrunk" for m in counted):
                    ahead.append(budgets[self.term_of(begin)])
            elapsed = [budgets[u.term] for u in units if u.inside]
            full = self.end == self.finish and (self.first is not None and self.first <= self.start)
            return sum(elapsed + ahead, Fraction(0)), Fraction(len(elapsed) + len(ahead)), None, full
        rest = sum(u.counted - u.known - u.silent for u in units)
        rest += sum(
            m.counted and m.mark not in ("shrunk", "dropped")
            for m in self.known_minutes.values()
            if m.start >= self.end
        )
        if not rest:
            return sums.allowed, sums.units, None, True
        if not sums.known:
            return Fraction(0), Fraction(0), None, False
        rates = []
        for hour in range(math.ceil((self.end - self.start) / timedelta(hours=1))):
            begin = self.start + timedelta(hours=hour)
            block = [u for u in units if begin <= u.start < begin + timedelta(hours=1)]
            if sum(u.known for u in block):
                rates.append(sum((u.good + u.bad for u in block), Fraction(0)) / sum(u.known for u in block))
        mean = sum((u.good + u.bad for u in units), Fraction(0)) / sums.known
        budget = budgets[self.term_of(units[-1].start)]
        low, middle, high = (sums.allowed + budget * r * rest for r in (min(rates), mean, max(rates)))
        return middle, sums.units + mean * rest, (low, high), False

    def verdicts(self, sli, sums, allowed, allowed_range, *, full):
        """The verdicts that may be given; a met one may always be at risk."""
        if sli is None:
            return {"unknown"}
        if not sums.units:
            return {"met", "at-risk"} if sli >= self.objective.terms[self.term_of(self.end)].target else {"missed"}
        if sums.doubt is None:
            return {"unknown"}
        if full:
            least = most = sums.allowed + sums.allowed_doubt
        elif allowed_range is None:
            least = most = allowed
        else:
            least, most = (sums.allowed_doubt + a for a in allowed_range)
        if sums.bad > most:
            return {"missed"}
        if sums.bad + sums.doubt <= least:
            return {"met", "at-risk"}
        return {"unknown", "at-risk"} if allowed_range is not None and not full else {"unknown"}
