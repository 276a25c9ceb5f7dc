"""A batch that hangs its classifier for as long as a file is there. All that RQ sees."""

import time
from pathlib import Path


def hang(paths: list[str]) -> None:
    while Path(paths[0]).exists():
        time.sleep(0.1)
