"""Read `kind: AlertNotificationTarget` and `kind: Route`: every mistake with its place."""

from __future__ import annotations

from datetime import time, timedelta

from nines.alerting.conditions import AlertTarget
from nines.alerting.message import KINDS
from nines.alerting.routing import SEVERITIES, Digest, Match, Quiet, Route
from nines.definitions import notify_shapes as ns
from nines.definitions import shapes
from nines.definitions.alert_shapes import AlertNotificationTargetSpec
from nines.definitions.readers import Reading
from nines.definitions.recurrence import zone
from nines.telemetry.templates import HIDDEN, places


def target(reading: Reading, metadata: shapes.Metadata, spec: AlertNotificationTargetSpec) -> AlertTarget:
    """Read an AlertNotificationTarget."""
    for name, text in (("url", spec.url), ("secret", spec.secret)):
        found = reading.exactly(name, text, places, "write secrets like ${secret:NAME}", ())
        for place in found:
            if not place.startswith(HIDDEN):
                reading.refuse(name, f"${{{place}}} is no secret", f"write ${{{HIDDEN}NAME}}", "target-place")
    if "://" not in spec.url and not spec.url.startswith("${"):
        reading.refuse("url", "this is no address", "write it like https://hooks.example/alerts", "bad-url")
    if spec.secret and not places_of(spec.secret):
        reading.refuse("secret", "a secret stands in the definition", "write ${secret:NAME} instead", "open-secret")
    if spec.secret and spec.target != "webhook":
        reading.refuse("secret", f"{spec.target} signs nothing", "drop it", "target-secret")
    beat = reading.minutes("heartbeat", spec.heartbeat) if spec.heartbeat else None
    return AlertTarget(metadata.name, spec.target, spec.url, spec.secret, beat)


def places_of(text: str) -> tuple[str, ...]:
    """Return the places of a text; none where it cannot be read."""
    try:
        return places(text)
    except ValueError:
        return ()


def route(reading: Reading, metadata: shapes.Metadata, spec: ns.RouteSpec) -> Route:
    """Read a Route; its hours are filled in once Calendars are known."""
    matches = tuple(_match(reading, name, values) for name, values in spec.match.items())
    if spec.escalate_to and spec.remind_after is None:
        fix = "add remindAfter: how long to wait for each"
        reading.refuse("escalateTo", "nothing says when to escalate", fix, "route-escalation")
    return Route(
        name=metadata.name, targets=tuple(spec.targets), matches=matches, order=spec.order, goes_on=spec.goes_on,
        group_by=tuple(spec.group_by),
        group_wait=reading.length("groupWait", spec.group_wait) if spec.group_by else timedelta(),
        quiet=_quiet(reading, spec.quiet), digest=_digest(reading, spec.digest),
        remind_after=reading.minutes("remindAfter", spec.remind_after) if spec.remind_after else None,
        escalate_to=tuple(spec.escalate_to),
    )  # fmt: skip


def _match(reading: Reading, name: str, values: str | list[str] | None) -> Match:
    held = () if values is None else (values,) if isinstance(values, str) else tuple(values)
    known = {"severity": SEVERITIES, "kind": tuple(KINDS)}.get(name)
    for value in held:
        if known is not None and not value.endswith("*") and value not in known:
            reading.refuse(
                f"match.{name}", f"{value!r} is no {name}", f"write one of {', '.join(known)}", "route-match"
            )
    return Match(name, held)


def _quiet(reading: Reading, spec: ns.QuietShape | None) -> Quiet | None:
    if spec is None:
        return None
    begins, ends = _clock(reading, "quiet.from", spec.begins), _clock(reading, "quiet.to", spec.ends)
    if begins == ends:
        reading.refuse("quiet.to", "the quiet hours have no end", "give another one than from", "route-quiet")
    return Quiet(begins, ends, _zone(reading, "quiet.timezone", spec.timezone), tuple(spec.passing))


def _digest(reading: Reading, spec: ns.DigestShape | None) -> Digest | None:
    if spec is None:
        return None
    at, zone_name = _clock(reading, "digest.at", spec.at), _zone(reading, "digest.timezone", spec.timezone)
    return Digest(at, zone_name, tuple(spec.severities))


def _clock(reading: Reading, path: str, text: str) -> time:
    found: time = reading.exactly(path, text, time.fromisoformat, "write it like 07:00", time())
    if found.tzinfo is not None or found.second or found.microsecond:
        reading.refuse(path, f"{text} is more than hours and minutes", "write it like 07:00", "bad-value")
    return found


def _zone(reading: Reading, path: str, name: str) -> str:
    reading.exactly(path, name, zone, "use a name like Europe/Berlin", None)
    return name
