"""Twenty seconds of what the benchmark `fuzzing` does for ten minutes."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUZZ = "import json, sys; from bench.fuzzing import fuzz; print(json.dumps(fuzz(20, int(sys.argv[1]))))"


@pytest.mark.slow
def test_damaged_bytes_are_decoded_or_refused_by_every_decoder():
    seed = int(time.time())
    words = [sys.executable, "-c", FUZZ, str(seed)]
    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"seed {seed}: {run.returncode} {run.stderr[-2000:]}"
    seen, findings = json.loads(run.stdout)
    assert findings == []
    assert min(seen.values()) > 20
