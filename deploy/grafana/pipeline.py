"""Pipeline: from feeds to stories, and what the machines under it are used for, wait for and fail at (USE)."""

from collections.abc import Iterator

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from deploy.grafana.board import board, choice
from deploy.grafana.machines import machines
from deploy.grafana.panels import BAD, WARNING, Query, Style, Words, buckets, lines
from deploy.grafana.promql import RATE, count, level, per_second, share
from deploy.grafana.reading import feeds, read

TOPIC = 'topic=~"$topic", topic!="canary"'


def pipeline() -> Dashboard:
    topics = choice("topic", 'tocsin_classifications_total{topic!="canary"}', "Whose verdicts and scores are shown")
    return board(
        "pipeline",
        "From feeds to stories: what is read, what waits, what is understood.",
        {
            "Feeds": list(feeds()),
            "What was read": list(read()),
            "Queue and classifiers: used, waited for, failed": list(_queue()),
            "Verdicts and stories": list(_understood()),
            "Redis and processes": list(machines()),
        },
        topics,
    )


def _queue() -> Iterator[Panel]:
    busy = level("tocsin_workers", where='state="busy"')
    yield lines(
        Words(
            "Used: classifiers at work",
            "Share of the classifiers that have a batch in hand.",
            "Near 100 % for long while batches wait: start more classifiers.",
            alarm="QueueStuck",
        ),
        Style("percentunit", ((0.9, WARNING),), width=6),
        Query(share(busy, f"sum({level('tocsin_workers', 'state')})"), "at work"),
    )
    yield lines(
        Words(
            "Used: classifiers",
            "Classifiers by what they do.",
            "None: they died, or never started; their log says why.",
            alarm="TargetDown",
        ),
        Style("none", width=6, stacked=True),
        Query(level("tocsin_workers", "state"), "{{state}}"),
    )
    yield lines(
        Words(
            "Waited for: batches",
            "Batches in the queue.",
            "Grows while classifiers are at work: too few. Grows while none is: they are stuck or dead.",
            alarm="QueueStuck",
        ),
        Style("none", width=6),
        Query(level("tocsin_queue_depth", "queue"), "{{queue}}"),
    )
    yield lines(
        Words(
            "Waited for: how long",
            "How long the batch at the head of the queue has waited.",
            "Above 5 minutes news is late, whatever else this board says.",
            alarm="QueueStuck",
        ),
        Style("s", ((300, BAD),), width=6),
        Query(level("tocsin_queue_oldest_job_age_seconds", "queue"), "{{queue}}"),
    )
    yield buckets(
        Words(
            "Duration of jobs",
            "How many batches took how long to classify.",
            "A band that climbs: batches grow, or a topic pack has become slow. A second band far above: jobs that "
            "hang.",
            alarm="ClassifierRateCollapse",
        ),
        Style("s", width=12),
        Query(count("tocsin_job_duration_seconds_bucket", "le", over=RATE), "{{le}}"),
        label="duration",
    )
    yield lines(
        Words(
            "Done: batches and entries",
            "Batches and entries classified per second.",
            "At 0 while batches wait: classifiers hang or die at the same batch; see *Failed*.",
            alarm="ClassifierRateCollapse",
        ),
        Style("cps", width=6),
        Query(per_second("tocsin_job_duration_seconds_count"), "batches"),
        Query(per_second("tocsin_entries_classified_total"), "entries"),
    )
    yield lines(
        Words(
            "Failed: dead letters",
            "Entries set aside because they could not be classified, however small their batch was made.",
            "`tocsin dead-letters list` says why; `retry` or `drop` them when the cause is known.",
            alarm="DeadLetters",
        ),
        Style("none", ((1, WARNING),), width=6),
        Query(level("tocsin_dead_letters"), "dead letters"),
    )


def _understood() -> Iterator[Panel]:
    yield lines(
        Words(
            "Verdicts",
            "Verdicts on entries that name a topic's actor, per second.",
            "`matched` jumps: a big story, or a pack that has become too wide. All at 0 while entries come in: the "
            "classifiers, or packs that are refused.",
            alarm="ClassifierRateCollapse",
        ),
        Style("cps", width=12),
        Query(per_second("tocsin_classifications_total", "topic", "verdict", where=TOPIC), "{{topic}}: {{verdict}}"),
    )
    yield buckets(
        Words(
            "Scores",
            "How many verdicts came how near to the topic's threshold, which is at 1.",
            "A crowd just below or above 1: the pack decides by a hair; `tocsin topics eval` shows what it costs.",
        ),
        Style("none", width=12),
        Query(count("tocsin_classification_score_bucket", "le", where=TOPIC, over=RATE), "{{le}}"),
        label="score / threshold",
    )
    yield lines(
        Words(
            "Decisions on stories",
            "What became of relevant entries within the window: `new` and `related` open a story, the others join one.",
            "`new` grows and `same_story` falls: one happening becomes many stories, and rings as often.",
        ),
        Style("none", stacked=True),
        Query(count("tocsin_story_decisions_total", "decision"), "{{decision}}"),
    )
    yield lines(
        Words(
            "Alerts",
            "Revisions of stories that rang within the window, by what they are and why.",
            "Many `updated` of one reason: a figure that flutters; the page of stories shows between which outlets.",
            board="delivery",
        ),
        Style("none", stacked=True),
        Query(f"{count('tocsin_alerts_total', 'type', 'reason')} > 0", "{{type}}: {{reason}}"),
    )
    yield lines(
        Words(
            "Topic packs",
            "What is wrong in the topic packs on disk. Above 0 those before them are in force.",
            "`tocsin check` names file, line and example. No classifier would start anew with them.",
            alarm="TopicPacksRefused",
        ),
        Style("none", ((1, BAD),)),
        Query(level("tocsin_topic_problems"), "problems"),
    )
