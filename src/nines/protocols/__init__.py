"""Protocols: bytes that senders give, turned into columns, and the answers they wait for. No socket is opened here."""
