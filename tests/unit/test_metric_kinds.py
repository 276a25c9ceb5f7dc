"""Label sets stand from the start, each service says its own, and what lasts is put together again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.observing import quantile
from shared import metrics
from shared.metrics import Exposed, Service
from shared.models.feed import FeedHealth, Outcome
from shared.models.topic import Verdict
from tests.exposition import named, names, sample_names, samples, value

JOB, SCORE = "tocsin_job_duration_seconds", "tocsin_classification_score"


def say(*families: metrics.Family) -> Exposed:
    return Exposed(Service.CLASSIFIER, lambda: families)


@pytest.fixture(autouse=True)
def known() -> None:
    metrics.begin_job()
    metrics.know("topic", ["cables"])


@pytest.mark.parametrize("service", Service)
def test_a_process_says_what_is_its_own_service_s_and_nothing_else(service: Service) -> None:
    own = {name for name, (about, _) in metrics.TABLE.items() if service in about.services}
    said = {name for name in names(samples(Exposed(service))) if name.startswith("tocsin_")}
    assert said <= sample_names(own)
    assert "tocsin_build_info" in said


def test_every_set_of_labels_stands_from_the_start() -> None:
    polls = named(samples(Exposed(Service.POLLER)), "tocsin_feed_polls_total")
    assert {dict(labels)["outcome"] for labels in polls} == {outcome.value for outcome in Outcome}


def test_an_open_label_has_its_sets_when_its_values_are_known_and_loses_those_that_go() -> None:
    exposed = Exposed(Service.NOTIFIER)

    def subscriptions() -> set[str]:
        attempts = named(samples(exposed), "tocsin_delivery_attempts_total")
        return {dict(labels)["subscription"] for labels in attempts}

    before = subscriptions()  # what others counted in this process
    metrics.know("subscription", ["ours", "theirs"])
    assert subscriptions() - before == {"ours", "theirs"}
    metrics.DELIVERY_ATTEMPTS.labels(subscription="ours", outcome="delivered").inc()
    metrics.know("subscription", ["ours"])
    assert subscriptions() - before == {"ours"}
    assert value(samples(exposed), "tocsin_delivery_attempts_total", subscription="ours", outcome="delivered") == 1
    metrics.know("subscription", [])
    assert subscriptions() - before == set()


def test_what_lasts_stands_at_0_for_every_set_before_anything_was_counted() -> None:
    found = samples(say(metrics.CLASSIFICATIONS.read({}), metrics.CLASSIFICATION_SCORE.read({})))
    counted = named(found, "tocsin_classifications_total")
    assert {(dict(labels)["topic"], dict(labels)["verdict"]) for labels in counted} == {
        ("cables", verdict.value) for verdict in Verdict
    }
    assert set(counted.values()) == {0.0}
    assert value(found, f"{SCORE}_count", topic="cables") == 0


def test_what_was_counted_for_a_topic_that_has_gone_is_said_still() -> None:
    metrics.CLASSIFICATIONS.labels(topic="gone", verdict="matched").inc()
    found = samples(say(metrics.CLASSIFICATIONS.read(metrics.end_job())))
    assert value(found, "tocsin_classifications_total", topic="gone", verdict="matched") == 1


def test_a_job_that_fails_counts_nothing_and_one_that_ends_counts_once() -> None:
    metrics.ENTRIES_CLASSIFIED.inc()
    metrics.begin_job()
    metrics.ENTRIES_CLASSIFIED.inc(2)
    assert metrics.end_job() == {"tocsin_entries_classified_total": 2.0}
    assert metrics.end_job() == {}


@given(st.lists(st.floats(0, 5000)))
def test_a_histogram_that_was_kept_is_the_one_that_was_observed(seconds: list[float]) -> None:
    metrics.begin_job()
    for each in seconds:
        metrics.JOB_SECONDS.observe(each)
    found = samples(say(metrics.JOB_SECONDS.read(metrics.end_job())))
    assert value(found, f"{JOB}_count") == len(seconds)
    assert value(found, f"{JOB}_sum") == pytest.approx(sum(seconds))
    for labels, many in named(found, f"{JOB}_bucket").items():
        bound = float(dict(labels)["le"])
        assert many == sum(each <= bound for each in seconds)


def test_what_stands_in_redis_says_0_of_what_nobody_is_in() -> None:
    found = samples(say(metrics.FEEDS.read({FeedHealth.FAILING: 2})))
    assert value(found, "tocsin_feeds", state="failing") == 2
    assert value(found, "tocsin_feeds", state="healthy") == 0


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_a_quantile_is_one_of_the_values_and_lies_in_order(ages: list[float]) -> None:
    ages.sort()
    median, tenth, worst = (quantile(ages, q) for q in (0.5, 0.9, 1.0))
    assert median in ages
    assert median <= tenth <= worst == ages[-1]
    assert sum(age <= median for age in ages) * 2 >= len(ages)
