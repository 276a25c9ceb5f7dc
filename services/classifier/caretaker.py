"""Looks after the queues beside the work: dead neighbours' batches, and what they were asked to examine."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.logs import get_logger
from shared.queue import JobQueue
from shared.store.patience import StoreUnavailable

LOOK_EVERY_SECONDS = 3.0
log = get_logger()


@dataclass(slots=True)
class Caretaker:
    """A context manager around a thread; the queue must have a connection of its own.

    `lost` is told of each examination that nobody will end; `announce` says what others should know, at each look.
    """

    queue: JobQueue
    look_every_seconds: float = LOOK_EVERY_SECONDS
    lost: Callable[[str], None] = lambda _: None
    announce: Callable[[], None] = lambda: None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def look(self) -> None:
        """Once."""
        self.announce()
        done = self.queue.recover()
        for examination_id in done.lost:
            self.lost(examination_id)
            log.warning("examination.lost", examination=examination_id)
        if done.requeued or done.buried:
            log.warning("batches.recovered", requeued=done.requeued, buried=done.buried)

    def _run(self) -> None:
        self._look_patiently()
        while not self._stop.wait(self.look_every_seconds):
            self._look_patiently()

    def _look_patiently(self) -> None:
        try:
            self.look()
        except StoreUnavailable as error:
            log.warning("redis.unavailable", error=str(error)[:200])
        except Exception:  # the thread's last line: the next look may go better
            log.exception("caretaker.failed")

    def __enter__(self) -> "Caretaker":
        self._thread = threading.Thread(target=self._run, name="caretaker", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
