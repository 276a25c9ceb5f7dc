"""Processes as /proc shows them: a machine need not have `ps`."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path


def descendants(root: int) -> Iterator[tuple[int, str]]:
    """Process ids below `root`, each with its command line."""
    children: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # Field 4 of proc(5) stat is the parent; the command in field 2 may hold spaces and brackets.
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            children[parent].append((int(entry.name), line))
    stack = [root]
    while stack:
        for pid, line in children[stack.pop()]:
            stack.append(pid)
            yield pid, line
