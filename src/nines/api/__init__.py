"""The HTTP API: translates requests into operations and answers into JSON."""
