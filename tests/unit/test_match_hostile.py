"""Any text is judged, always alike, with evidence that stands in it, and with no more work than its length deserves."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.classifier.match import Matcher
from services.classifier.scan import MOST_HITS, MOST_LANGUAGES, Scanner
from services.classifier.text import MOST_ENDS, languages_of, sentences
from shared.models.pack import LanguageForms
from tests.packs import installed

MATCHER: Matcher = installed()
SCANNER = Scanner([topic.pack for topic in MATCHER.topics])


def words(forms: LanguageForms) -> list[str]:
    groups = (forms.concepts, forms.places, forms.events, forms.roles)
    return [form.replace("*", "") for group in groups for some in group.values() for form in some]


SPOKEN = {forms.language: words(forms) for topic in MATCHER.topics for forms in topic.pack.languages}
PIECES = st.sampled_from(
    [" ", "\n", ". ", "…", '!"', "1,000", "１２", "a\u0323\u0308", "\u0301", "\u00ad", "İ", "ﬁ", "\ufeff", "x"]
)  # fmt: skip


@st.composite
def stuffed(draw: st.DrawFn) -> tuple[str, str | None]:
    """Forms of one language among odd pieces, with its name or without."""
    language = draw(st.sampled_from(sorted(SPOKEN)))
    pieces = draw(st.lists(st.sampled_from(SPOKEN[language]) | PIECES | st.text(max_size=8), max_size=40))
    return draw(st.sampled_from(["", " "])).join(pieces), draw(st.sampled_from([language, None, "xx"]))


@given(stuffed())
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200)
def test_every_text_gets_the_same_verdict_twice_with_evidence_that_stands_in_it(told: tuple[str, str | None]) -> None:
    text, language = told
    matches = MATCHER.match(text, language)
    assert matches == MATCHER.match(text, language)
    assert len({match.topic for match in matches}) == len(matches)
    for match in matches:
        for hit in (*match.evidence, *match.negative):
            assert 0 <= hit.start < hit.end <= len(text)
            assert text[hit.start : hit.end] == hit.text
        for claim in match.claims:
            assert 0 <= claim.start <= claim.end <= len(text)


@pytest.mark.parametrize("language", sorted(SPOKEN))
def test_a_text_stuffed_with_forms_is_read_only_so_far(language: str) -> None:
    text = " ".join(SPOKEN[language] * 50)
    scan = SCANNER.scan(text)
    assert scan
    assert all(len(hits) <= MOST_HITS for hits in scan.hits(language.split("-", maxsplit=1)[0]).values())
    assert len(scan.languages) <= MOST_LANGUAGES
    assert len(languages_of(text, None, scan.languages)) <= MOST_LANGUAGES + 1


def test_a_text_of_ends_is_cut_into_so_many_sentences() -> None:
    assert len(sentences("It rains. " * 10_000)) == MOST_ENDS + 1
    assert len(sentences("." * 100_000)) == 1


def test_what_stands_behind_other_text_is_seen_as_far_as_texts_are_read() -> None:
    told = "North Korean troops have left Kursk"
    assert MATCHER.match("It rained all day\n" * 3 + told, "en")[0].relevant
    late = MATCHER.match("It rained all day.\n" * 2_000 + told, "en")[0]
    assert (late.relevant, late.reason) == (False, "actor_not_in_lead")
    assert MATCHER.match("It rained all day.\n" * 5_000 + told, "en") == ()
