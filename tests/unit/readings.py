"""Articles as the matcher of the installed topics reads them."""

from datetime import datetime
from functools import cache

from services.classifier.match import Matcher
from shared.models.entry import Entry
from shared.models.topic import TopicMatch
from tests.factories import NOON
from tests.packs import installed
from tests.unit.tellings import Telling, told_by


@cache
def matcher() -> Matcher:
    return installed()


def read(outlet: str, title: str, summary: str, language: str = "en", at: datetime = NOON) -> Telling:
    told = told_by(outlet, title, summary, language=language, published=at, seen_at=at)
    return told, verdict(told)


def verdict(told: Entry) -> TopicMatch:
    (found,) = (match for match in matcher().classify(told, told.seen_at).matches if match.relevant)
    return found
