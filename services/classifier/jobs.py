"""All that RQ sees. A job is named by its dotted path, so what it works with is bound to this module at the start."""

from contextlib import suppress

from services.classifier.classifier import Classifier
from services.classifier.examiner import Examiner
from services.classifier.ports import Counters
from shared import metrics
from shared.store.patience import StoreUnavailable

_bound: list[tuple[Classifier, Counters]] = []
_examiner: list[Examiner] = []


def bind(classifier: Classifier, counters: Counters) -> None:
    """What jobs of this process use from now on. A job that has begun goes on with what was before."""
    _bound[:] = [(classifier, counters)]


def bind_examiner(examiner: Examiner) -> None:
    """The same for what people ask."""
    _examiner[:] = [examiner]


def classify(entry_ids: list[str]) -> None:
    """The job: classify the entries with these ids. What it counts is kept when it has ended well: else it comes
    again, and counts then."""
    classifier, counters = _bound[0]
    metrics.begin_job()
    classifier.classify(entry_ids)
    with suppress(*StoreUnavailable):  # the work is done, and must not be done again for the sake of a count
        counters.add(metrics.end_job())


def examine(examination_id: str, text: str, language: str | None, until: float) -> None:
    """The job: say what every topic makes of a text."""
    _examiner[0].examine(examination_id, text, language, until)


def backtest(examination_id: str, step: int) -> None:
    """The job: a step of a backtest."""
    _examiner[0].backtest(examination_id, step)
