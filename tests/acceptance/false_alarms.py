"""Run the topic packs over a stream of unrelated news, and show each item that would ring, for a person to judge.

    python -m tests.acceptance.false_alarms SOURCE... [--save DIR]

SOURCE is a file of JSON lines ({id, lang?, title, summary?, published?}), or a checkout or bare repository that commits
feeds, headlines or their like, as DIR or DIR:FOLDER; of a repository, every version of its files is read. An item of
after October 2024 may truly be about the topic. With --save, the items of each source are written to DIR as JSON lines.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from services.classifier.match import Matcher
from services.classifier.packs import load_matcher
from services.classifier.text import language_of
from services.cli.progress import counting
from shared.models.topic import TopicMatch
from tests.acceptance.streams import NewsItem, news_items

SEEDS = Path(__file__).parents[2] / "seeds" / "topics"
SHOWN_SUMMARY = 240


@dataclass(slots=True)
class Heard:
    """What one source holds, and what of it rings."""

    source: str
    languages: Counter[str] = field(default_factory=Counter)
    hits: list[tuple[NewsItem, TopicMatch]] = field(default_factory=list)

    @property
    def items(self) -> int:
        return self.languages.total()

    @property
    def topics(self) -> Counter[str]:
        return Counter(found.topic for _, found in self.hits)


def listen(source: str, items: Iterable[NewsItem], matcher: Matcher) -> Heard:
    heard = Heard(source)
    for item in items:
        heard.languages[language_of(item.text, item.lang) or "?"] += 1
        heard.hits += ((item, found) for found in matcher.match(item.text, item.lang) if found.relevant)
    return heard


def saved(items: Iterable[NewsItem], path: Path) -> Iterator[NewsItem]:
    with path.open("w", encoding="utf-8") as file:
        for item in items:
            told = {name: value for name, value in asdict(item).items() if value}
            file.write(json.dumps(told, ensure_ascii=False) + "\n")
            yield item


def report(all_heard: list[Heard]) -> Iterator[str]:
    for heard in all_heard:
        yield from (_hit(item, found) for item, found in heard.hits)
    yield f"{'items':>10}  {'hits':>5}  source: hits by topic (languages)"
    for heard in all_heard:
        languages = ", ".join(f"{name} {count:,}" for name, count in heard.languages.most_common(12))
        topics = ", ".join(f"{name} {count}" for name, count in heard.topics.items()) or "none"
        yield f"{heard.items:10,}  {len(heard.hits):5}  {heard.source}: {topics} ({languages})"
    items, hits = (sum(counts) for counts in zip(*((h.items, len(h.hits)) for h in all_heard), strict=True))
    yield f"{items:10,}  {hits:5}  in all, {100_000 * hits / max(1, items):.2f} of 100,000"


def _hit(item: NewsItem, found: TopicMatch) -> str:
    evidence = ", ".join(f"{hit.concept}={hit.text}" for hit in found.evidence)
    about = f"{found.topic} {found.event_type} {found.score:g} {found.language} {item.published or ''} {item.id}"
    return f"{about}\n  {item.title}\n  {item.summary[:SHOWN_SUMMARY]}\n  {evidence}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sources", nargs="+", metavar="SOURCE")
    parser.add_argument("--save", type=Path, help="write the items of each source into this directory")
    wanted = parser.parse_args()
    matcher, all_heard = load_matcher(SEEDS), list[Heard]()
    for number, source in enumerate(wanted.sources):
        items = news_items(source)
        if wanted.save:
            items = saved(items, wanted.save / f"{number}.jsonl")
        all_heard.append(listen(source, counting(items, source), matcher))
    sys.stdout.write("\n".join(report(all_heard)) + "\n")


if __name__ == "__main__":
    main()
