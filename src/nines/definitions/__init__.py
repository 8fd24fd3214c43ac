"""Definitions: from text in files to promises, and all mistakes at once."""
