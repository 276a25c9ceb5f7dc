"""The poller names the classifier's job by a dotted path: nothing but this test ties the two."""

from services.classifier.jobs import classify
from shared.queue import resolve_job


def test_the_path_that_the_poller_queues_is_the_classifiers_job() -> None:
    assert resolve_job() is classify
