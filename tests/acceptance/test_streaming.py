"""Many follow the alerts while connections are cut and the gateway dies: `streaming`, which goes on for longer."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(400)
def test_everybody_who_follows_has_every_alert_once_whatever_is_cut() -> None:
    sizes = ("--followers", "40", "--alerts", "120", "--per-second", "20", "--slow-seconds", "0.2")
    command = [sys.executable, "-m", "tests.acceptance.streaming", *sizes]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
