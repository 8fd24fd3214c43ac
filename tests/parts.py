"""Parts that tests need beside Python: where one cannot be had the test says so, and may be told to fail instead."""

import os

import pytest


def require(part, available, reason):
    """Skip the test when a part is not there; with NINES_REQUIRE_ALL=1 fail it."""
    if available:
        return
    message = f"{part} is not here: {reason}"
    if os.environ.get("NINES_REQUIRE_ALL") == "1":
        pytest.fail(message)
    pytest.skip(message)
