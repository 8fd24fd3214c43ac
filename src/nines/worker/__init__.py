"""The worker: calls operations on a schedule."""
