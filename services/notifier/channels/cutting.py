"""How texts are cut to what a service takes (pure).

A length is in UTF-16 units: no service counts more, whether it counts those or characters.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable

MAX_LEFT = 16  # of the words that say how many lines are left out


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def fitted(text: str, most: int, escape: Callable[[str], str] = str) -> str:
    """`text` escaped, cut so that it has at most `most` units and no half of what an escape has made."""
    whole = escape(text)
    if units(whole) <= most:
        return whole
    fits = bisect_right(range(len(text)), most - 1, key=lambda end: units(escape(text[:end]))) - 1
    return escape(text[:fits].rstrip(" \u200d")) + "…"


def whole_lines(lines: Iterable[str], most: int) -> str:
    """Those that fit, none of them cut, for half an address leads elsewhere; and how many do not."""
    told, left = "", 0
    for text in lines:
        longer = f"{told}\n{text}" if told else text
        fits = units(longer) <= most - MAX_LEFT
        told, left = (longer, left) if fits else (told, left + 1)
    return f"{told}\n… {left} more".lstrip() if left else told
