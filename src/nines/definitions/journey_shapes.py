"""The shape of `kind: Probe`: what is done step by step, from where, how often, and what must be true then."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from nines.definitions.words import Length, Name, Shape

Port = Annotated[int, Field(ge=1, le=65535, description="TCP port.")]
Text = Annotated[str, Field(description="Text with places for values: ${name}, ${secret:NAME}.")]


class HttpShape(Shape):
    """One request and its redirects."""

    url: Text
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | None = None
    json_body: Any = Field(None, alias="json", description="Any value; it is sent as JSON.")
    form: dict[str, str] | None = None
    follow: int = Field(5, ge=0, le=20, description="Redirects followed at most.")
    verify: bool = Field(default=True, description="Whether the certificate is verified.")
    ca_file: str = Field("", alias="caFile", description="File of certificates to trust instead.")


class TcpShape(Shape):
    """A TCP connection."""

    host: str = Field(min_length=1)
    port: Port
    send: str = ""
    answer: str = Field("", description="Text that must come back.")


class DnsShape(Shape):
    """A question to the domain name system."""

    name: str = Field(min_length=1, max_length=253)
    type: Literal["A", "AAAA", "CNAME", "MX", "NS", "TXT", "SRV", "CAA", "SOA"] = "A"
    expect: list[str] = Field(default_factory=list, description="Answers that must be among those given.")
    server: str = Field("", description="host or host:port to ask instead of this machine's own.")


class TlsShape(Shape):
    """A look at a certificate."""

    host: str = Field(min_length=1)
    port: Port = 443
    min_days: int = Field(14, alias="minDays", ge=0, le=3650)
    server_name: str = Field("", alias="serverName")
    verify: bool = True
    ca_file: str = Field("", alias="caFile")


class IcmpShape(Shape):
    """An echo request."""

    host: str = Field(min_length=1)


class FillShape(Shape):
    """A field of a form and what goes into it."""

    into: str = Field(min_length=1, description="Selector.")
    value: Text


class BrowserActShape(Shape):
    """One thing done in a browser; exactly one field."""

    goto: Text | None = None
    fill: FillShape | None = None
    click: str | None = Field(None, description="Selector.")
    expect: Text | None = Field(None, description="Text that the page shows.")
    wait: str | None = Field(None, description="Selector that appears, or a length of time.")


class ExpectShape(Shape):
    """What must be true of an answer."""

    status: Any = Field(None, description="200, 2xx, 200-299, or a list of these; 200-399 unless given.")
    contains: str | list[str] = Field(default_factory=list)
    matches: str | list[str] = Field(default_factory=list, description="RE2 patterns.")
    json_values: dict[str, Any] = Field(default_factory=dict, alias="json", description="Path: value.")
    header: dict[str, str] = Field(default_factory=dict, description="Header: RE2 pattern.")
    max_ms: int | None = Field(None, alias="maxMs", ge=1)


class ExtractShape(Shape):
    """Where a value is taken from; exactly one of the first four."""

    json_at: str | None = Field(None, alias="json")
    regex: str | None = None
    header: str | None = None
    cookie: str | None = None
    secret: bool = False


class StepShape(Shape):
    """One step; exactly one of http, tcp, dns, tls, icmp and browser."""

    name: Name
    http: HttpShape | None = None
    tcp: TcpShape | None = None
    dns: DnsShape | None = None
    tls: TlsShape | None = None
    icmp: IcmpShape | None = None
    browser: list[BrowserActShape] | None = Field(None, min_length=1, max_length=200)
    expect: ExpectShape = Field(default_factory=lambda: ExpectShape.model_validate({}))
    extract: dict[str, ExtractShape] = Field(default_factory=dict)
    share: str | None = Field(None, description="Part of the timeout that is the step's own, as 800ms or 20%.")


class ScheduleShape(Shape):
    """How often."""

    every: Length = "1m"
    jitter: str = "0s"


class RetryShape(Shape):
    """Tries after a failed one."""

    times: int = Field(0, ge=0, le=10)
    after: str = "5s"


class ProbeSpec(Shape):
    """A journey that is tried from outside, again and again."""

    source: Name
    steps: list[StepShape] = Field(min_length=1, max_length=100)
    schedule: ScheduleShape = Field(default_factory=lambda: ScheduleShape.model_validate({}))
    timeout: Length = "30s"
    locations: list[Name] = Field(default_factory=lambda: ["here"], min_length=1, max_length=100)
    quorum: int = Field(1, ge=1, le=100, description="Locations that must see it down.")
    retry: RetryShape = Field(default_factory=lambda: RetryShape.model_validate({}))
    connectivity: list[str] = Field(
        default_factory=list, max_length=20, description="Addresses that show whether the location is connected."
    )
    values: dict[str, str] = Field(
        default_factory=dict,
        description="Name: text for places ${name}; whoever runs the probe may give another.",
    )
    description: str = ""
