"""Telling other systems: one file per kind of target, one contract for all (`senders.sending`)."""
