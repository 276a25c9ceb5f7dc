"""axe-core finds nothing to complain of: every page, light and dark, on a desk and in a hand."""

import pytest
from axe_playwright_python.async_playwright import Axe

from tests.browser.chromium import DESKTOP, PHONE, Size
from tests.browser.conftest import Board, Look

SHOWN = ("/", "/stories/kursk", "/alerts", "/feeds", "/subscriptions", "/test", "/test?title=x")
PAGES = (*SHOWN, "/login", "/stories/none")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_no_violation(board: Board, size: Size, scheme: str) -> None:
    for path in PAGES:
        page = await board.open(path, Look(size, scheme))
        found = await Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
