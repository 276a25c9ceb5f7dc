"""All that RQ sees. A job is named by its dotted path, so what it works with is bound to this module at the start."""

from services.classifier.classifier import Classifier

_bound: list[Classifier] = []


def bind(classifier: Classifier) -> None:
    """The classifier that jobs of this process use from now on. A job that has begun goes on with the one before."""
    _bound[:] = [classifier]


def classify(entry_ids: list[str]) -> None:
    """The job: classify the entries with these ids."""
    _bound[0].classify(entry_ids)
