"""What is watched, and what running classifiers make of a text or of the entries that are kept."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex

from services.gateway.ports import Examinations, ExamineQueue, Queue, Topics
from services.gateway.views.topics import NewBacktest, Probe, TopicSummary, TopicView
from shared.errors import Unanswered
from shared.models.examination import Answer, Backtest, Examined

# What a person bears to wait for.
ANSWER_SECONDS = 10.0
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.01, 0.2


@dataclass(frozen=True, slots=True)
class TopicArea:
    """Where classifiers are asked, Unanswered is raised if none runs, too many ask, or none has answered in time."""

    topics: Topics
    examinations: Examinations
    queue: Queue
    asked: ExamineQueue
    answer_seconds: float = ANSWER_SECONDS

    async def every(self) -> list[TopicSummary]:
        """By name."""
        return [TopicSummary.of(topic) for topic in await self.topics.all()]

    async def find(self, name: str) -> TopicView | None:
        topic = await self.topics.find(name)
        return TopicView.of(topic) if topic else None

    async def test(self, probe: Probe) -> Examined:
        """What every topic makes of the text."""
        await self._is_served()
        examination_id, until = token_hex(8), time.time() + self.answer_seconds
        if not await asyncio.to_thread(self.asked.examine, examination_id, probe.whole, probe.language, until):
            raise Unanswered("too many ask the classifiers just now")
        answer = await self._answer(examination_id)
        if answer.examined is None:
            raise Unanswered(f"the classifier could not judge this text: {answer.failure}")
        return answer.examined

    async def begin_backtest(self, topic: str, asked: NewBacktest) -> Backtest | None:
        """None if there is no such topic."""
        if await self.topics.find(topic) is None:
            return None
        await self._is_served()
        backtest = Backtest(id=token_hex(8), topic=topic, days=asked.days, asked_at=datetime.now(UTC))
        await self.examinations.begin(backtest)
        if not await asyncio.to_thread(self.asked.begin_backtest, backtest.id):
            await self.examinations.forget(backtest.id)
            raise Unanswered("too many ask the classifiers just now")
        return backtest

    async def backtest(self, backtest_id: str) -> Backtest | None:
        return await self.examinations.backtest(backtest_id)

    async def _is_served(self) -> None:
        if not (await asyncio.to_thread(self.queue.workers)).total():
            raise Unanswered("no classifier is running")

    async def _answer(self, examination_id: str) -> Answer:
        pause = SHORTEST_PAUSE_SECONDS
        try:
            async with asyncio.timeout(self.answer_seconds):
                while True:
                    if answer := await self.examinations.answer(examination_id):
                        return answer
                    await asyncio.sleep(pause)
                    pause = min(LONGEST_PAUSE_SECONDS, pause * 1.5)
        except TimeoutError:
            raise Unanswered("no classifier has answered in time") from None
