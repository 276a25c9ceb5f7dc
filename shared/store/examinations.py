"""What classifiers were asked, and their answers: kept for a while."""

from collections.abc import Sequence

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared import keys
from shared.models.examination import Answer, Backtest, BacktestProgress, BacktestState, Examined

KEPT_SECONDS = 600


class ExaminationStore:
    """The classifiers' side."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    def answer(self, examination_id: str, examined: Examined) -> None:
        self._put(keys.examination(examination_id), Answer(examined=examined))

    def fail(self, examination_id: str, why: str) -> None:
        """Whatever it was; of what has ended or is forgotten nothing is said."""
        if progress := self.progress(examination_id):
            if not progress.backtest.state.ended:
                told = {"state": BacktestState.FAILED, "detail": why}
                self.keep(progress.model_copy(update={"backtest": progress.backtest.model_copy(update=told)}))
        else:
            self.redis.set(
                keys.examination(examination_id), Answer(failure=why).model_dump_json(), ex=KEPT_SECONDS, nx=True
            )

    def progress(self, examination_id: str) -> BacktestProgress | None:
        text = self.redis.get(keys.backtest(examination_id))
        return BacktestProgress.model_validate_json(text) if text else None

    def keep(self, progress: BacktestProgress) -> None:
        self._put(keys.backtest(progress.backtest.id), progress)
        if progress.backtest.state.ended:
            self.redis.delete(keys.backtest_entries(progress.backtest.id))

    def gather(self, examination_id: str, entry_ids: Sequence[str]) -> int:
        """Note these to be read, each once; returns how many there are."""
        key = keys.backtest_entries(examination_id)
        with self.redis.pipeline(transaction=True) as pipe:
            if entry_ids:
                pipe.sadd(key, *entry_ids)
            pipe.expire(key, KEPT_SECONDS)
            pipe.scard(key)
            return int(pipe.execute()[-1])

    def take(self, examination_id: str, most: int) -> tuple[list[str], int]:
        """Some that are still to be read, and how many are left then."""
        key = keys.backtest_entries(examination_id)
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.spop(key, most)
            pipe.expire(key, KEPT_SECONDS)
            pipe.scard(key)
            taken, _, left = pipe.execute()
        return [entry_id.decode() for entry_id in taken], int(left)

    def _put(self, key: str, kept: Answer | BacktestProgress) -> None:
        self.redis.set(key, kept.model_dump_json(), ex=KEPT_SECONDS)


class ExaminationReader:
    """The side of who asks."""

    def __init__(self, redis: AsyncRedis) -> None:
        self.redis = redis

    async def answer(self, examination_id: str) -> Answer | None:
        text = await self.redis.get(keys.examination(examination_id))
        return Answer.model_validate_json(text) if text else None

    async def begin(self, backtest: Backtest) -> None:
        text = BacktestProgress(backtest=backtest).model_dump_json()
        await self.redis.set(keys.backtest(backtest.id), text, ex=KEPT_SECONDS)

    async def forget(self, examination_id: str) -> None:
        await self.redis.delete(keys.backtest(examination_id))

    async def backtest(self, examination_id: str) -> Backtest | None:
        text = await self.redis.get(keys.backtest(examination_id))
        return BacktestProgress.model_validate_json(text).backtest if text else None
