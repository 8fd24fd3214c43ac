"""Where real data for tests lies: beside the project, never in it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"


def shared(name: str) -> Path:
    """Return a folder of real data, or skip the test where it is absent."""
    folder = SHARED / name
    if not folder.exists():
        pytest.skip(f"real data {name} is not beside the project")
    return folder
