"""Hiding secrets in whatever is shown or kept, in every notation they may have taken on the way."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

#: What stands in a secret's place.
MASK = "[masked]"
#: Headers whose values are credentials, whoever wrote them.
HIDDEN_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})


class Masker:
    """Knows the secrets of one run and hides them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Begin with some secrets.

        Args:
            secrets: texts to hide; empty ones are left out.
        """
        self._forms: list[str] = []
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Hide one more.

        Args:
            secret: as it is; its encoded forms are hidden too.
        """
        if not secret:
            return
        escaped = json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]
        coded = (base64.b64encode(secret.encode()).decode(), base64.urlsafe_b64encode(secret.encode()).decode())
        forms = {
            secret,
            *escaped,
            quote(secret, safe=""),
            quote(secret),
            quote_plus(secret),
            html.escape(secret),
            *coded,
        }
        forms |= {html.escape(secret, quote=False), *(c.rstrip("=") for c in coded), json.dumps(escaped[1])[1:-1]}
        self._forms = sorted({*self._forms, *forms}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return a text with its secrets hidden.

        Example:
            >>> Masker(["a b"]).text("x=a%20b&y=a+b")
            'x=[masked]&y=[masked]'
        """
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def data(self, data: bytes) -> bytes:
        """Return bytes with their secrets hidden, whatever else they are."""
        for form in self._forms:
            data = data.replace(form.encode(), MASK.encode())
        return data

    def header(self, name: str, value: str) -> str:
        """Return a header's value, hidden whole where it is a credential."""
        return MASK if name.lower() in HIDDEN_HEADERS else self.text(value)

    def tree(self, value: object) -> object:
        """Return a JSON value with secrets and credentials hidden; a header is a mapping of `name` and `value`."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.tree(one) for one in value]
        if isinstance(value, dict):
            changed = {name: self.tree(one) for name, one in value.items()}
            if str(value.get("name", "")).lower() in HIDDEN_HEADERS and "value" in value:
                changed["value"] = MASK
            return {n: [] if n == "cookies" and isinstance(v, list) else v for n, v in changed.items()}
        return value
