"""Probes: journeys that ask a service as a user would, step by step."""
