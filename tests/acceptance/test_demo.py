"""The main job, whole: `tocsin demo` as a user runs it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_rings_once_when_the_story_breaks_and_once_when_its_figure_changes() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "services.cli", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 webhooks, as expected" in run.stdout
    assert run.stdout.count("verified") == 2
    assert "casualties 4,000 → 5,000" in run.stdout
    assert "◆ new  " in run.stdout
    assert "the board is at http://127.0.0.1:" in run.stdout
    assert "Traceback" not in run.stdout + run.stderr


def test_the_demo_says_where_it_must_be_run() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "services.cli", "demo"], cwd="/", capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 2
    assert "seeds/demo/feeds.yaml: not found" in run.stderr
