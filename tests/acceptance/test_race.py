"""Forty articles of one happening at once, and classifiers killed meanwhile: `race`, which goes on for longer."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(400)
def test_one_happening_is_one_story_and_rings_once_however_many_classifiers_die() -> None:
    command = [sys.executable, "-m", "tests.acceptance.race", "--rounds", "3", "--workers", "8"]
    race = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert race.returncode == 0, race.stdout + race.stderr
