"""Spans paired to exchanges: who called whom, and which of the four instants may be believed.

One rule: a caller that waits encloses what it called, so both ends bound the offset; one that does not wait only comes
first. Who waits is said by the kinds CLIENT and SERVER ("while the client awaits a response", OpenTelemetry trace
specification, SpanKind). Where no kind is stated a caller is believed to have waited unless its child outlasts it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nines.telemetry.clocks import UNBOUNDED, Exchanges, Names
from nines.telemetry.series import Flags, Ints

CLIENT, SERVER, PRODUCER, CONSUMER, INTERNAL, NOT_STATED = range(1, 7)
_KINDS = {"client": CLIENT, "server": SERVER, "producer": PRODUCER, "consumer": CONSUMER, "internal": INTERNAL}
Id = str | int | bytes | None
#: Exchanges on either side of one that tell whether late ends are the rule, and how many there must be in all.
_NEIGHBOURS, _FEWEST = 10, 10


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Spans as they were recorded, one per row.

    Attributes:
        ids: span ids, unique within a trace; a Zipkin client and its server may share one.
        parents: id of the span that caused each; anything that is no id for a root.
        hosts: machine, container or pod whose clock gave the instants, or None.
        kinds: client, server, producer, consumer or internal, in any case, or None where not stated; None for all.
        starts: int64 nanoseconds UTC, below 2^62.
        ends: int64 nanoseconds UTC, below 2^62.
        traces: trace of each span, or None when ids are unique by themselves.
    """

    ids: Sequence[Id]
    parents: Sequence[Id]
    hosts: Sequence[str | None]
    kinds: Sequence[str | None] | None
    starts: Ints
    ends: Ints
    traces: Sequence[Id] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """Exchanges made from spans, and the spans that were not believed; arrays hold rows of the spans.

    Attributes:
        exchanges: calls between two hosts.
        impossible: children that start before the parent on another host that caused them.
        duplicates: spans recorded again with the same id, kind, host and instants; the first one counts.
        conflicting: spans whose id and kind another span has with other instants or another host; none counts.
        reversed: spans that end before they start; they do not count.
        not_awaited: children whose end says nothing about clocks, since their parent did not wait for it.
    """

    exchanges: Exchanges
    impossible: Ints
    duplicates: Ints
    conflicting: Ints
    reversed: Ints
    not_awaited: Ints


def exchanges_of(spans: Spans) -> Pairing:
    """Return the exchanges that spans show, and which spans cannot be true or are not used.

    A client and its server on different hosts bound the offset from both sides, as does a parent on another host
    where the client's span is absent or no kind is stated. A producer and its consumer, and any other pair, bound it
    from one side. A child longer than its parent is not used for the backward bound. Nor is one that outlasts it,
    unless client and server are stated and late ends are the rule among their neighbours and agree with the forward
    bounds there: then the clock is late, not the work.

    Args:
        spans: of any number of traces, in any order.
    """
    columns = _Columns(spans)
    parent, child = columns.pairs()
    across = (columns.host[parent] != columns.host[child]) & (columns.host[parent] >= 0) & (columns.host[child] >= 0)
    parent, child = parent[across], child[across]
    c1, c4, s2, s3 = spans.starts[parent], spans.ends[parent], spans.starts[child], spans.ends[child]
    client, server = columns.host[parent], columns.host[child]
    kinds = columns.kind[parent], columns.kind[child]
    backward, pool = _waited(*kinds, c4 - c1, s2 - c1, s3 - c4, s3 - s2)
    late = pool & (s3 > c4)
    pair = client * len(columns.hosts) + server
    backward[late] = _late_is_the_rule(pair[pool], c1[pool], s2[pool] - c1[pool], s3[pool] - c4[pool], backward[late])
    ids: Names = np.empty(len(spans.ids), dtype=object)
    ids[:] = spans.ids
    return Pairing(
        Exchanges(columns.hosts, client, server, c1, c4, s2, s3, ids[parent], ids[child], backward),
        np.sort(child[s2 < c1]),
        columns.duplicates,
        columns.conflicting,
        columns.reversed,
        np.sort(child[_waits(*kinds) & ~backward]),
    )


class _Columns:
    """The spans as numbers, and which of them count."""

    def __init__(self, spans: Spans) -> None:
        book: defaultdict[Hashable, int] = defaultdict()
        book.default_factory = book.__len__
        ids, parents = _codes(spans.ids, book), _codes(spans.parents, book)
        trace = 0 if spans.traces is None else _codes(spans.traces) * len(book)
        self.key, self.parent_key = ids + trace, parents + trace
        hosts: defaultdict[Hashable, int] = defaultdict()
        hosts.default_factory = hosts.__len__
        self.host = _codes(spans.hosts, hosts)
        self.hosts = tuple(str(h) for h in hosts)
        if None in hosts:
            self.host = np.where(self.host == hosts[None], -1, self.host)
        self.kind = _kinds(spans.kinds, len(self.key))
        self.reversed: Ints = np.flatnonzero(spans.ends < spans.starts)
        self._set_apart(spans)

    def _set_apart(self, spans: Spans) -> None:
        """Find what was recorded twice, alike or not; `self.order` keeps the rest, sorted by key and kind."""
        order = np.lexsort((self.kind, self.key))
        key, kind = self.key[order], self.kind[order]
        begins = np.append(True, (np.diff(key) != 0) | (np.diff(kind) != 0))[: len(key)]
        group = np.cumsum(begins) - 1
        first = order[np.flatnonzero(begins)][group] if len(order) else order
        same = (spans.starts[order] == spans.starts[first]) & (spans.ends[order] == spans.ends[first])
        same &= self.host[order] == self.host[first]
        odd = np.bincount(group, weights=~same, minlength=1)[group] > 0 if len(order) else same
        self.duplicates: Ints = np.sort(order[~begins & ~odd])
        self.conflicting: Ints = np.sort(order[odd])
        self.order: Ints = order[begins & ~odd & (spans.ends >= spans.starts)[order]]

    def pairs(self) -> tuple[Ints, Ints]:
        """Return rows of parents and of their children."""
        keys, kinds = self.key[self.order], self.kind[self.order]
        calls = (kinds == CLIENT) | (kinds == PRODUCER)
        callers, others = self.order[calls], self.order[~calls]
        children = np.sort(self.order)
        answers = (self.kind[children] == SERVER) | (self.kind[children] == CONSUMER)
        # A server that shares its id with its client was called by that one, and not by the parent both name.
        shared = np.where(answers, _find(keys[calls], callers, self.key[children]), -1)
        called = _find(keys[calls], callers, self.parent_key[children])
        within = _find(keys[~calls], others, self.parent_key[children])
        # Where both halves of a call have one id, what was called hangs on the client, all else on the server.
        named = np.where((answers & (called >= 0)) | (within < 0), called, within)
        parent = np.where(shared >= 0, shared, named)
        found = (parent >= 0) & (parent != children)
        return parent[found], children[found]


def _codes(values: Iterable[Hashable], book: defaultdict[Hashable, int] | None = None) -> Ints:
    """Return a number for each value, equal for equal ones."""
    if book is None:
        book = defaultdict()
        book.default_factory = book.__len__
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    return np.fromiter(map(book.__getitem__, listed), dtype=np.int64)


def _kinds(kinds: Sequence[str | None] | None, rows: int) -> Ints:
    if kinds is None:
        return np.full(rows, NOT_STATED)
    book: defaultdict[Hashable, int] = defaultdict()
    book.default_factory = book.__len__
    codes = _codes(kinds, book)
    meanings = [_KINDS.get(str(k).lower().removeprefix("span_kind_"), NOT_STATED) for k in book]
    return np.array(meanings, dtype=np.int64)[codes] if rows else codes


def _find(keys: Ints, rows: Ints, wanted: Ints) -> Ints:
    """Return the row whose key is wanted, or -1; keys are sorted."""
    if not len(keys):
        return np.full(len(wanted), -1)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, rows[place], -1)


def _waits(parent: Ints, child: Ints) -> Flags:
    """Return whether a caller of one kind waits for a callee of another."""
    called: Flags = (child == SERVER) | (child == NOT_STATED)
    waits: Flags = called & (parent != PRODUCER) & (parent != CONSUMER)
    return waits


def _waited(parent: Ints, child: Ints, whole: Ints, ahead: Ints, behind: Ints, work: Ints) -> tuple[Flags, Flags]:
    """Return whether the end of the child bounds the offset, and for which kinds the neighbours may say otherwise.

    Args:
        parent: kind of the parent.
        child: kind of the child.
        whole: c4 - c1.
        ahead: s2 - c1.
        behind: s3 - c4.
        work: s3 - s2.
    """
    possible = _waits(parent, child) & (work <= whole)
    stated: Flags = (parent == CLIENT) & (child == SERVER)
    # A stated server that starts after its client's end was not seen to outlast it: one of the clocks is wrong.
    return possible & ((behind <= 0) | (stated & (ahead > whole))), stated


def _late_is_the_rule(pair: Ints, at: Ints, high: Ints, low: Ints, otherwise: Flags) -> Flags:
    """Return for each late end (low > 0) whether it shows the clock and not the work.

    Among the `_NEIGHBOURS` on either side more than half must end late, nine in ten of the late ones must agree with
    the forward bounds there, and this one must. Children longer than their parent never agree: many of them show that
    nobody waits here, and that shorter ones end late for the same reason.

    Args:
        pair: number of client and server together, for each exchange of stated kinds.
        at: c1 of each.
        high: s2 - c1 of each.
        low: s3 - c4 of each.
        otherwise: the answer for each late end that has fewer than `_FEWEST` neighbours.
    """
    order = np.lexsort((at, pair))
    edges = np.flatnonzero(np.append(True, np.diff(pair[order]) != 0)[: len(order)])
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    asked = np.flatnonzero(low > 0)
    group = np.searchsorted(edges, place[asked], side="right") - 1
    near = place[asked][:, None] + np.arange(-_NEIGHBOURS, _NEIGHBOURS + 1)
    inside = (near >= edges[group][:, None]) & (near < np.append(edges[1:], len(order))[group][:, None])
    rows = order[np.clip(near, 0, max(len(order) - 1, 0))]
    least = np.where(inside, high[rows], UNBOUNDED).min(axis=1, initial=UNBOUNDED)
    late = inside & (low[rows] > 0)
    agree = late & (low[rows] <= least[:, None])
    number, size = late.sum(axis=1), inside.sum(axis=1)
    rule = (2 * number > size) & (10 * agree.sum(axis=1) >= 9 * number) & (low[asked] <= least)
    answer: Flags = np.where(size >= _FEWEST, rule, otherwise)
    return answer
