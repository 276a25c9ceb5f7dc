"""The shell of what people ask running classifiers: nothing is stored of it but the answer, and nothing is counted."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from services.classifier.backtest import go_on
from services.classifier.match import Matcher
from services.classifier.ports import Answers, KeptEntries, Steps, Told
from services.classifier.verdicts import examine
from shared.logs import get_logger
from shared.models import canary
from shared.models.examination import Backtest, BacktestProgress, BacktestState
from shared.store.patience import StoreUnavailable

STEP_SECONDS = 0.5
AT_ONCE = 50
log = get_logger()


@dataclass(frozen=True, slots=True)
class Examiner:
    """`step_seconds`: for how long a backtest goes on before others have their turn."""

    matcher: Matcher
    answers: Answers
    entries: KeptEntries
    stories: Told
    steps: Steps
    step_seconds: float = STEP_SECONDS

    def examine(self, examination_id: str, text: str, language: str | None, until: float) -> None:
        """Judge a text, unless it is too late. Whatever goes wrong is the answer."""
        if time.time() > until:
            return
        now = datetime.now(UTC)
        self._tried(
            examination_id,
            lambda: self.answers.answer(examination_id, examine(self.matcher, text, language, now.date())),
        )

    def backtest(self, examination_id: str, step: int) -> None:
        """One step of it. Whatever goes wrong ends it."""

        def go() -> None:
            progress = self.answers.progress(examination_id)
            if progress and not progress.backtest.state.ended:
                self._go(progress, step)

        self._tried(examination_id, go)

    def _tried(self, examination_id: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # this job's last line: it must not be taken for a batch that died
            log.exception("examination.failed", examination=examination_id)
            with suppress(*StoreUnavailable):
                self.answers.fail(examination_id, f"{type(error).__name__}: {error}"[:300])

    def _go(self, progress: BacktestProgress, step: int) -> None:
        progress = progress.model_copy(update={"backtest": self._of_this_version(progress.backtest)})
        end = time.monotonic() + self.step_seconds
        while not progress.backtest.state.ended:
            progress = self._gathered(progress) if progress.cursor is not None else self._judged(progress)
            if time.monotonic() >= end:
                break
        self.answers.keep(progress)
        if not progress.backtest.state.ended:
            self.steps.go_on(progress.backtest.id, step + 1)

    def _of_this_version(self, backtest: Backtest) -> Backtest:
        version = self.matcher.versions.get(backtest.topic) if backtest.topic != canary.NAME else None
        if version is None:
            raise LookupError(f"there is no topic {backtest.topic} any more")
        if backtest.version not in (None, version):
            raise LookupError("the topic's pack was changed meanwhile: ask again")
        return backtest.model_copy(update={"version": version, "state": BacktestState.RUNNING})

    def _gathered(self, progress: BacktestProgress) -> BacktestProgress:
        found, cursor = self.entries.look(progress.cursor or 0)
        left = self.answers.gather(progress.backtest.id, found)
        backtest = progress.backtest.model_copy(update={"left": left})
        return progress.model_copy(update={"backtest": backtest, "cursor": cursor})

    def _judged(self, progress: BacktestProgress) -> BacktestProgress:
        backtest = progress.backtest
        taken, left = self.answers.take(backtest.id, AT_ONCE)
        entries = self.entries.seen_since(taken, backtest.since)
        told = self.stories.told(backtest.topic, [entry.id for entry in entries])
        state = BacktestState.RUNNING if left else BacktestState.DONE
        backtest = go_on(backtest, entries, told, self.matcher).model_copy(update={"left": left, "state": state})
        return progress.model_copy(update={"backtest": backtest})
