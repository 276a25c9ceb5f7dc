"""`make screenshots`: pictures of the board, taken from the running demo.

python -m tests.browser.screenshots DIRECTORY
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.browser.chromium import CHROMIUM, PHONE, Size

PATIENCE_MILLISECONDS = 60_000
_BOARD = re.compile(r"the board is at (http://\S+)")


@dataclass(frozen=True, slots=True)
class Shot:
    """`link`: what is followed from the stories; empty for the stories themselves."""

    name: str
    size: Size
    scheme: Literal["light", "dark"]
    link: str = ""


SCREEN = Size(width=1200, height=720)
SHOTS = (
    Shot("board-desktop-light", SCREEN, "light"),
    Shot("board-phone-dark", PHONE, "dark"),
    Shot("story-desktop-dark", SCREEN, "dark", "h2 a"),
    Shot("story-phone-light", PHONE, "light", "h2 a"),
)


@contextmanager
def running_demo() -> Iterator[str]:
    """The address of its board."""
    command = [sys.executable, "-u", "-m", "services.cli", "demo", "--keep"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "200"}) as demo:
        assert demo.stdout
        try:
            yield next(found[1] for line in demo.stdout if (found := _BOARD.search(line)))
        finally:
            demo.send_signal(signal.SIGINT)
            demo.communicate()


def shoot(browser: Browser, board: str, shot: Shot, home: Path) -> None:
    size = ViewportSize(width=shot.size["width"], height=shot.size["height"])
    context = browser.new_context(viewport=size, color_scheme=shot.scheme, device_scale_factor=1.5, locale="en-GB")
    page = context.new_page()
    page.goto(board)
    page.locator(".change").first.wait_for(timeout=PATIENCE_MILLISECONDS)
    if shot.link:
        page.locator(shot.link).first.click()
    settled(page)
    page.screenshot(path=home / f"{shot.name}.png", animations="disabled")
    context.close()


def settled(page: Page) -> None:
    """The head is there and its fonts are loaded."""
    page.locator("main h1").wait_for()
    page.evaluate("document.fonts.ready")


def main(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    with running_demo() as board, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        for shot in SHOTS:
            shoot(browser, board, shot, home)
            print(home / f"{shot.name}.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
