"""What a process keeps of the memory that it has freed."""

import ctypes

_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 256 * 1024


def give_back_freed_bodies() -> None:
    """Let blocks of 256 KB and more return to the system when they are freed.

    glibc raises its bound to the size of what was freed last, up to 32 MB (mallopt(3)): after a few large bodies, small
    objects stand in what they left behind, and none of it is given back. Other C libraries have no such bound.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
