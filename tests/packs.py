"""The topic packs of a new installation, loaded once for all tests: held to their examples, that takes seconds."""

from functools import cache

from services.classifier.match import Matcher
from services.classifier.packs import load_matcher
from tests.project.sources import ROOT

SEEDS = ROOT / "seeds" / "topics"


@cache
def installed() -> Matcher:
    return load_matcher(SEEDS)
