"""TLS steps: does the certificate hold, and for how long yet."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime

from nines.probes.http import trust
from nines.probes.measures import Run, StepError, late
from nines.probes.tcp import connect
from nines.telemetry.journey import TlsCall

_SEQUENCE, _CONTEXT_0, _UTC_TIME, _GENERAL_TIME = 0x30, 0xA0, 0x17, 0x18


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Return tag, beginning and end of the content of the DER element at a place."""
    tag, length, at = der[at], der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, at = int.from_bytes(der[at : at + size], "big"), at + size
    return tag, at, at + length


def valid_until(der: bytes) -> datetime:
    """Return the instant a certificate ends.

    Args:
        der: X.509 certificate.

    Raises:
        ValueError: it is none.

    Source:
        RFC 5280, 4.1: TBSCertificate is version, serial number, signature, issuer, validity, ...; 4.1.2.5 for times.
    """
    try:
        _, at, _ = _element(der, 0)
        _, at, _ = _element(der, at)
        if der[at] == _CONTEXT_0:
            at = _element(der, at)[2]
        for _ in range(3):  # serial number, signature, issuer
            at = _element(der, at)[2]
        tag, at, _ = _element(der, at)
        at = _element(der, at)[2]  # not before
        kind, begin, end = _element(der, at)
        text = der[begin:end].decode("ascii")
    except (IndexError, UnicodeDecodeError) as error:
        msg = "this is no certificate"
        raise ValueError(msg) from error
    if tag != _SEQUENCE or kind not in {_UTC_TIME, _GENERAL_TIME}:
        msg = "this certificate does not say when it ends"
        raise ValueError(msg)
    if kind == _UTC_TIME:  # two digits of the year: 50 and above are of the last century
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def perform(run: Run, call: TlsCall) -> float:
    """Look at a certificate; return the days it is still valid.

    Args:
        run: the try.
        call: what to look at.

    Raises:
        StepError: it cannot be had, does not hold, or ends too soon.
    """
    context = trust(run, verify=call.verify, ca_file=call.ca_file)
    with connect(run, call.host, call.port) as line:
        begun = time.perf_counter()
        try:
            line.settimeout(run.remaining())
            with context.wrap_socket(line, server_hostname=call.server_name or call.host) as held:
                der = held.getpeercert(binary_form=True) or b""
        except ssl.SSLCertVerificationError as error:
            what = f"the certificate of {call.host} does not hold: {error.verify_message}"
            raise StepError(what=what, code="bad-certificate") from error
        except TimeoutError as error:
            raise late() from error
        except (OSError, ValueError) as error:
            raise StepError(what=f"{call.host}:{call.port} does not speak TLS: {error}", code="no-tls") from error
        finally:
            run.phases.add("tls_ms", time.perf_counter() - begun)
    try:
        days = (valid_until(der) - run.wall()).total_seconds() / 86_400
    except ValueError as error:
        raise StepError(
            what=f"the certificate of {call.host} cannot be read: {error}", code="bad-certificate"
        ) from error
    if days < call.min_days:
        when = f"ends in {days:.1f} days" if days > 0 else f"ended {-days:.1f} days ago"
        what = f"the certificate of {call.host} {when}, expected {call.min_days} at least"
        raise StepError(what=what, code="certificate-ends")
    return days
