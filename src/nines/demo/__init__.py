"""The demo shop: five small services really called over loopback, broken on purpose.

It knows nines only from outside, as any customer does: spans leave through the OpenTelemetry SDK and
arrive at the HTTP API.
"""
