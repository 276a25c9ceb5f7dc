"""One JSON line an alert, appended to a file."""

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path

from services.notifier.channels.base import Sent
from shared.models.subscription import Envelope, JournalChannel


@dataclass(frozen=True, slots=True)
class JournalSender:
    channel: JournalChannel

    async def send(self, envelope: Envelope) -> Sent:
        try:
            await asyncio.to_thread(self._append, envelope)
        except OSError as error:
            return Sent("file_error", ok=False, detail=str(error))
        return Sent("delivered", ok=True)

    def _append(self, envelope: Envelope) -> None:
        """Once: a line that a crash left behind unacknowledged is found by its id and not written again."""
        path = Path(self.channel.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"webhook_id": envelope.webhook_id} | json.loads(envelope.body), ensure_ascii=False)
        with path.open("a+b") as file:
            if not _holds(file.fileno(), envelope.webhook_id):
                os.write(file.fileno(), line.encode() + b"\n")
                os.fsync(file.fileno())


TAIL_BYTES = 256 * 1024


def _holds(descriptor: int, webhook_id: str) -> bool:
    size = os.fstat(descriptor).st_size
    start = max(0, size - TAIL_BYTES)
    return f'"{webhook_id}"'.encode() in os.pread(descriptor, TAIL_BYTES, start)
