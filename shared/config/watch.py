"""Files that people edit while a service runs: has one been written since we read it, and is it done?"""

from collections.abc import Callable, Iterable
from pathlib import Path

Stamp = tuple[tuple[Path, int, int, int], ...]


class Watch:
    """`files` names those that matter, anew at each look, so that one that comes or goes is a change, too.

    Make it before the files are read: what is written meanwhile is then seen at a later look.
    """

    def __init__(self, files: Callable[[], Iterable[Path]]) -> None:
        self._files = files
        self._read = self._seen = stamp(files())

    def changed(self) -> bool:
        """Once for each change: at the first look that finds the files as the look before did.

        An editor that writes in two steps, or a checkout of many files, is not read in the middle.
        """
        now = stamp(self._files())
        still, self._seen = now == self._seen, now
        if not still or now == self._read:
            return False
        self._read = now
        return True


def stamp(files: Iterable[Path]) -> Stamp:
    """Inode, time and size of each: an edit changes one of them. A file that is not there has no part in it."""
    found = []
    for path in sorted(files):
        try:
            stat = path.stat()
        except OSError:
            continue
        found.append((path, stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return tuple(found)
