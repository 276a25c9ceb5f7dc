"""One JSON line an alert, appended to a file."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.notifier.channels.base import Payload, Sent
from services.notifier.channels.posting import compact
from shared.models.subscription import DeliveryOutcome, Envelope, JournalChannel

TAIL_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class JournalSender:
    channel: JournalChannel

    def write(self, payload: Payload) -> str:
        return compact(payload)

    async def send(self, envelope: Envelope, secrets: Sequence[str]) -> Sent:
        try:
            await asyncio.to_thread(self._append, envelope)
        except OSError as error:
            return Sent(DeliveryOutcome.FILE_ERROR, ok=False, detail=str(error))
        return Sent(DeliveryOutcome.DELIVERED, ok=True)

    def _append(self, envelope: Envelope) -> None:
        """Once: a line that a crash left behind unacknowledged is found by its id and not written again."""
        path = Path(self.channel.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"webhook_id": envelope.webhook_id} | json.loads(envelope.body), ensure_ascii=False).encode()
        with path.open("a+b") as file:
            *whole, torn = _tail(file.fileno()).split(b"\n")
            if any(f'"{envelope.webhook_id}"'.encode() in written for written in whole):
                return
            # What a full disk or a crash has torn stays a line of its own.
            file.write((b"\n" if torn else b"") + line + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _tail(descriptor: int) -> bytes:
    return os.pread(descriptor, TAIL_BYTES, max(0, os.fstat(descriptor).st_size - TAIL_BYTES))
