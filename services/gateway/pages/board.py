"""The page at `/`: the latest stories, their articles, and why each stands there. Pure: models in, HTML out."""

from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from html import escape
from urllib.parse import quote, urlsplit

from services.gateway.views.stories import ArticleView, StoryView

# System colours follow the reader's choice of dark or light; system fonts know every script.
STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 50rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
article { border-top: 1px solid; margin-top: 1.5rem; }
h2 { margin-bottom: 0; font-size: 1.2rem; }
ul { padding-left: 1.2rem; }
small { display: block; }
"""
STYLE_HASH = f"'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
API = ("stories", "alerts", "feeds", "dead-letters", "status")


def board(stories: Iterable[StoryView]) -> str:
    told = (
        "\n".join(map(_story, stories)) or "<p>No story yet. Feeds are polled, and this page shows what they tell.</p>"
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tocsin: latest stories</title>
<style>{STYLE}</style>
</head>
<body>
<header><h1>Latest stories</h1><nav aria-label="API">{_links()}</nav></header>
<main>
{told}
</main>
</body>
</html>
"""


def _links() -> str:
    paths = [*(f"/v1/{name}" for name in API), "/openapi.json"]
    return " · ".join(f'<a href="{path}">{path}</a>' for path in paths)


def _story(story: StoryView) -> str:
    articles = "\n".join(map(_article, story.articles))
    facts = [story.topic, story.event_type, story.severity, f"revision {story.revision}", *_newest_change(story)]
    return f"""<article>
<h2><a href="/v1/stories/{quote(story.id, safe="")}"{_lang(story.language)}>{escape(story.title)}</a></h2>
<small>{" · ".join(escape(fact) for fact in facts if fact)} · {_time(story.updated_at)}</small>
<ul>
{articles}
</ul>
</article>"""


def _newest_change(story: StoryView) -> list[str]:
    return [story.revisions[-1].detail] if story.revisions else []


def _article(article: ArticleView) -> str:
    title = f"<span{_lang(article.language)}>{escape(article.title)}</span>"
    url = _web_address(article.url)
    linked = f'<a href="{escape(url)}">{title}</a>' if url else title
    why = f"{article.decision}: {article.reason}"
    moment = _time(article.published or article.seen_at)
    return f"<li>{linked} <small>{escape(article.source)} · {moment} · {escape(why)}</small></li>"


def _web_address(url: str | None) -> str | None:
    """A feed may name any address, a `javascript:` one too: that is no link."""
    try:
        return url if urlsplit(url or "").scheme in ("http", "https") else None
    except ValueError:
        return None


def _lang(language: str | None) -> str:
    return f' lang="{escape(language)}" dir="auto"' if language else ' dir="auto"'


def _time(moment: datetime) -> str:
    return f'<time datetime="{moment.isoformat()}">{moment:%Y-%m-%d %H:%M} UTC</time>'
