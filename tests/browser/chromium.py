"""The browser that the board is looked at with: a real Chromium, the system's."""

import os
import shutil
from typing import TypedDict


class Size(TypedDict):
    width: int
    height: int


CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""
DESKTOP = Size(width=1280, height=900)
PHONE = Size(width=390, height=844)
