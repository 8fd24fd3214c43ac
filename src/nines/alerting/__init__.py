"""Burn policies as data, with the source beside each figure."""
