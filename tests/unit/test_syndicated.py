"""Atom, RSS and JSON Feed by the rules of the W3C validator, whatever stories say."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree, html

from services.gateway.views.alerts import AlertView
from services.gateway.views.syndicated import ATOM, DCTERMS, Outlet, atom, item_of, json_feed, rss
from shared.models.story import AlertType, KnownClaim, Story
from tests.factories import NOON, after, alert, article, entry, revision, story

Written = Callable[[Outlet], bytes]

HOME = "https://tocsin.example"
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
ABSOLUTE = re.compile(r"https?://[^\s/]+/\S*")
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
TYPES: dict[Written, str] = {atom: "application/atom+xml", rss: "application/rss+xml"}
TEXT = st.text(max_size=40)


def outlet(*stories: Story) -> Outlet:
    views = [AlertView.of(f"1-{number}", alert(told), told, HOME) for number, told in enumerate(stories)]
    items = [item_of(view, told, HOME) for view, told in zip(views, stories, strict=True)]
    return Outlet(f"{HOME}/v1/alerts.atom?severity=high&topic=a%20b", f"{HOME}/", items)


def claim(**over: object) -> KnownClaim:
    fields: dict[str, object] = {
        "kind": "casualties",
        "role": "killed",
        "value": 4000,
        "qualifier": "up_to",
        "attribution": "Kyiv & allies",
        "entry_id": entry().id,
        "sources": ("Example News",),
        "position": 0,
        "said_at": NOON,
        "start": 0,
        "end": 1,
    }
    return KnownClaim.model_validate(fields | over)


def updated(seconds: float = 90, **over: object) -> Story:
    revisions = (
        revision(detail="first report"),
        revision(number=2, type=AlertType.UPDATED, detail="killed 3,000 → 4,000", at=after(seconds)),
    )
    return story(**{"id": "s", "revisions": revisions, "claims": (claim(),)} | over)


def parsed(written: Written, told: Outlet) -> Any:
    body = written(told)
    return feedparser.parse(BytesIO(body), response_headers={"content-type": f"{TYPES[written]}; charset=utf-8"})


def texts(parent: Any, path: str) -> list[str]:
    return [each.text for each in parent.iterfind(path, {"a": ATOM, "dcterms": DCTERMS})]


def check_html(fragment: str) -> None:
    for element in html.fragment_fromstring(fragment, create_parent="div").iter():
        assert element.tag in {"div", "p", "ul", "li", "a", "span"}
        assert {*element.attrib} <= {"href", "lang"}
        assert all(re.match("https?://", address) for address in element.xpath("@href"))


def check_atom(body: bytes) -> None:
    """RFC 4287, 4.1.1 and 4.1.2, and what the validator says besides."""
    feed = etree.fromstring(body)
    assert (feed.tag, feed.get(LANG)) == (f"{{{ATOM}}}feed", "en")
    (self_url,) = [link.get("href") for link in feed.iterfind("a:link[@rel='self']", {"a": ATOM})]
    assert texts(feed, "a:id") == [self_url]
    assert [bool(RFC3339.fullmatch(moment)) for moment in texts(feed, "a:updated")] == [True]
    assert all(texts(feed, f"a:{name}") for name in ("title", "author/a:name"))
    entries = feed.findall("a:entry", {"a": ATOM})
    assert len({each for entry in entries for each in texts(entry, "a:id")}) == len(entries)
    for each in entries:
        (title,), (content,) = texts(each, "a:title"), texts(each, "a:content")
        assert title.strip()
        check_html(content or "<p/>")
        assert all(RFC3339.fullmatch(moment) for moment in texts(each, "a:updated") + texts(each, "a:published"))
        (link,) = each.findall("a:link", {"a": ATOM})
        assert (link.get("rel"), bool(ABSOLUTE.fullmatch(link.get("href", "")))) == ("alternate", True)


def check_rss(body: bytes) -> None:
    """The specification of RSS 2.0 and its profile."""
    root = etree.fromstring(body)
    (channel,) = root
    assert (root.tag, root.get("version"), channel.tag) == ("rss", "2.0", "channel")
    for name in ("title", "link", "description", "language"):
        assert len(texts(channel, name)) == 1
    (link,) = channel.findall("a:link", {"a": ATOM})
    assert (link.get("rel"), link.get("type")) == ("self", "application/rss+xml")
    items = channel.findall("item")
    assert len({guid for item in items for guid in texts(item, "guid")}) == len(items)
    for item in items:
        (title,), (address,), (moment,) = (texts(item, name) for name in ("title", "link", "pubDate"))
        assert title.strip()
        assert ABSOLUTE.fullmatch(address)
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", moment)
        assert parsedate_to_datetime(moment).tzinfo is UTC
        assert [guid.get("isPermaLink") for guid in item.findall("guid")] == ["false"]
        check_html(texts(item, "description")[0] or "<p/>")


def check_json(body: bytes) -> None:
    """https://www.jsonfeed.org/version/1.1/: what is required, and of which type."""
    feed = json.loads(body)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert all(ABSOLUTE.fullmatch(feed[name]) for name in ("home_page_url", "feed_url"))
    assert len({item["id"] for item in feed["items"]}) == len(feed["items"])
    for item in feed["items"]:
        assert ABSOLUTE.fullmatch(item["url"])
        assert all(RFC3339.fullmatch(item[name]) for name in ("date_published", "date_modified"))
        assert all(isinstance(tag, str) for tag in item["tags"])
        check_html(item["content_html"] or "<p/>")


def check(told: Outlet) -> None:
    check_atom(atom(told))
    check_rss(rss(told))
    check_json(json_feed(told))


def test_an_empty_outlet_keeps_the_rules() -> None:
    check(outlet())
    assert parsed(atom, outlet()).bozo == parsed(rss, outlet()).bozo == 0


@given(st.lists(st.builds(dict, title=TEXT, source=TEXT, url=TEXT | st.none(), language=TEXT | st.none()), max_size=3))
def test_whatever_stories_say_the_rules_are_kept(said: Sequence[dict[str, Any]]) -> None:
    told = [
        updated(
            id=f"s{number}",
            title=each["title"],
            language=each["language"],
            articles=(article(entry(**each)),),
            claims=(claim(attribution=each["source"]),),
            event_type=each["title"] or None,
        )
        for number, each in enumerate(said)
    ]
    check(outlet(*told))
    assert parsed(atom, outlet(*told)).bozo == parsed(rss, outlet(*told)).bozo == 0


@pytest.mark.parametrize("written", [atom, rss])
def test_a_story_is_one_entry_that_a_revision_updates(written: Written) -> None:
    once, twice = (parsed(written, outlet(told)).entries for told in (story(id="s"), updated()))
    assert [each.id for each in once] == [each.id for each in twice] == ["urn:tocsin:story:s"]
    (before,), (now,) = once, twice
    assert before.published_parsed == now.published_parsed == before.updated_parsed
    assert now.updated_parsed[:6] == after(90).timetuple()[:6]
    assert now.link == f"{HOME}/stories/s"
    assert [tag.term for tag in now.tags] == ["dprk-kursk", "withdrawal", "low", "breaking"]


@pytest.mark.parametrize("written", [atom, rss])
def test_an_entry_says_what_changed_what_is_claimed_and_who_tells_it(written: Written) -> None:
    uk = article(entry(title="Військові КНДР <b>", language="uk", source="Вежа", url="https://v.example/?a=1&b=2"))
    (item,) = parsed(written, outlet(updated(articles=(uk,)))).entries
    told = html.fragment_fromstring(item.content[0].value if written is atom else item.summary, create_parent="div")
    assert told.xpath("string(p[1])") == "killed 3,000 → 4,000"
    assert told.xpath("string(ul[1]/li)") == "killed: up to 4,000 (Kyiv & allies, claimed)"
    assert told.xpath("string(ul[2]/li)") == "Військові КНДР <b>, Вежа"
    assert told.xpath("ul[2]/li/a/@href") == ["https://v.example/?a=1&b=2"]
    assert told.xpath("string(ul[3]/li)") == "2025-02-03 12:00 UTC: first report"


def test_a_title_is_in_its_own_language() -> None:
    feed = etree.fromstring(atom(outlet(story(title="Військові КНДР", language="uk"))))
    (title,) = feed.findall("a:entry/a:title", {"a": ATOM})
    assert (title.text, title.get(LANG)) == ("Військові КНДР", "uk")
    assert json.loads(json_feed(outlet(story(language="uk"))))["items"][0]["language"] == "uk"


def test_a_title_says_that_a_story_is_retracted() -> None:
    gone = story(title="Troops", revisions=(revision(type=AlertType.RETRACTED),))
    assert [item.title for item in outlet(gone).items] == ["Retracted: Troops"]


def test_a_feed_is_as_new_as_its_newest_entry() -> None:
    told = outlet(updated(10, id="a"), updated(90, id="b"), updated(30, id="c"))
    assert told.updated - NOON == timedelta(seconds=90)
