"""Notifiers killed by those whom they post to: `killing`, which goes on for longer."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(200)
def test_every_message_is_accounted_for_however_notifiers_die() -> None:
    command = [sys.executable, "-m", "tests.acceptance.killing", "--rounds", "5", "--redis-every", "3"]
    killing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert killing.returncode == 0, killing.stdout + killing.stderr
