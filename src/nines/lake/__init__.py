"""Telemetry at rest: the inbox, the Delta tables and the engine that rolls events up into counts."""
