"""Where a publisher says that an article is corrected or taken back, and where it says no such thing."""

import pytest

from services.classifier.grammars import Grammars
from services.classifier.notices import Note, notice_of, opens_with_notice, read_notice
from services.classifier.text import sentences
from shared.models.topic import Notice
from tests.factories import entry

GRAMMARS = Grammars()
BODY = "The council has met. It has voted. Nobody was against it."


def found(text: str, language: str = "en") -> Note | None:
    return read_notice(text, sentences(text, titled=True), GRAMMARS[language])


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        (f"Correction: Council votes\n{BODY}", "correction"),
        (f"Council votes (corrected)\n{BODY}", "correction"),
        (f"Council votes\nThis article has been corrected to fix a name. {BODY}", "correction"),
        (f"Council votes\n{BODY}\n{BODY}\nAn earlier version of this article misstated it. It is six.", "correction"),
        (f"Council votes\n{BODY}\nThis story has been withdrawn.\n", "retraction"),
        ("Retraction: council votes", "retraction"),
        ("Correction: this story has been withdrawn", "retraction"),
        (f"Council votes\n{BODY}\nThis article has been corrected.\n{BODY}", None),
        (f"Council votes\n{BODY}", None),
        ("correction: council votes", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_notice_stands_in_the_title_the_first_sentence_or_the_last_line(text: str, notice: str | None) -> None:
    note = found(text)
    assert (note.notice if note else None) == notice


def test_a_notice_says_where_it_begins() -> None:
    assert found("Council votes (corrected)\n") == Note(Notice.CORRECTION, 14)


@pytest.mark.parametrize(
    ("title", "language", "opens"),
    [
        ("Retraction: article removed", "en", True),
        ("CORRECTION: Council votes", "en-GB", True),
        ("Исправлено: совет проголосовал", "ru", True),
        ("【訂正】議会の採決", "ja", True),
        ("（更正）議會表決", "zh-TW", True),
        ("更正：議會表決", "zh", True),
        ("Rectificatif : le conseil a voté", "fr", True),
        ("Corrections officer elected to council", "en", False),
        ("Council retracts report", "en", False),
        ("Council votes", "en", False),
        ("Retraction: article removed", "xx", False),
        ("Correction: the council has voted for it and the mayor was not there", None, True),
        ("Council votes", None, False),
        ("", "en", False),
    ],
)
def test_a_title_that_begins_as_a_notice_does_is_known_in_its_language(
    title: str, language: str | None, opens: bool
) -> None:
    assert opens_with_notice(entry(title=title, language=language), GRAMMARS) is opens


@pytest.mark.parametrize("language", sorted(GRAMMARS))
def test_a_form_that_opens_a_title_is_found_in_it(language: str) -> None:
    """The cheap look misses nothing that the full one finds."""
    notices = GRAMMARS[language].notices
    for form in (form for forms in notices.forms for form in forms):
        if form.rest.match(" "):
            assert notices.opens(f"{form.key.upper() if form.capital else form.key} x")


def test_an_entry_about_anything_has_its_notice() -> None:
    assert notice_of(entry(title="Retraction: article removed", summary=""), GRAMMARS) is Notice.RETRACTION
    assert notice_of(entry(title="Council votes", summary=BODY, language=None), GRAMMARS) is None
    assert notice_of(entry(title="Совет проголосовал", language="tg"), {}) is None
