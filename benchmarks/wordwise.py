"""The classifier's ladder over texts that no topic has read: by their words alone.

A text is compared with single texts before it, each of them as a story, and not with its story as a whole: stories of
headlines have hundreds of them.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from benchmarks.lexical import Index
from benchmarks.public_stories import Pair, Text
from services.classifier.cluster import Assignment, assign
from services.classifier.fingerprint import fingerprint
from services.classifier.likeness import WEIGHTS, Corpus
from shared.models.entry import Entry
from shared.models.story import Article, Decision, Story

NEAR = 10  # earlier texts that are compared in full
NOW = datetime(2025, 1, 1, tzinfo=UTC)


class Told:
    """A text as an entry, and as a story of its own."""

    def __init__(self, text: Text, number: int) -> None:
        self.entry = Entry(
            id=f"{number:016x}",
            feed_id=f"{number:012x}",
            source=f"outlet {number}",
            feed_name=f"outlet {number}",
            language=text.language,
            title=text.title,
            summary=text.text,
            published=NOW,
            seen_at=NOW,
        )
        self.print = fingerprint(self.entry)
        self.words = {f"word:{word}": weight for word, weight in self.print.words.items()}

    def story(self, id_: str) -> Story:
        article = Article(
            entry_id=self.entry.id,
            source=self.entry.source,
            feed_name=self.entry.feed_name,
            title=self.entry.title,
            seen_at=NOW,
            decision=Decision.NEW,
            reason="",
            fingerprint=self.print,
        )
        common = {"topic": "none", "topic_version": "0", "score": 0.0, "threshold": 0.0}
        return Story(id=id_, title=article.title, articles=(article,), first_seen_at=NOW, updated_at=NOW, **common)

    def assigned(self, stories: Sequence[Story], corpus: Corpus, threshold: float) -> Assignment:
        weights = replace(WEIGHTS, same_story_at=threshold, related_at=0.0)
        return assign(self.entry, self.print, stories, corpus, NOW, weights)


def scores(pairs: Sequence[Pair]) -> list[float]:
    """1 for the same text or a copy, else the likeness; every text counts as a story of the corpus."""
    texts = dict.fromkeys(text for pair in pairs for text in (pair.a, pair.b))
    told = {text: Told(text, number) for number, text in enumerate(texts)}
    corpus = Corpus(len(told), Counter(term for each in told.values() for term in each.words))
    return [told[pair.b].assigned([told[pair.a].story("a")], corpus, 0.0).similarity for pair in pairs]


def stream(texts: Sequence[Text]) -> Callable[[float], list[int]]:
    """Clusters for a threshold. The corpus is what the stories so far say, as in the classifier."""
    told = [Told(text, number) for number, text in enumerate(texts)]
    return lambda threshold: _clustered(told, threshold)


def _clustered(told: Sequence[Told], threshold: float) -> list[int]:
    index, labels, stories, said = Index(), list[int](), list[Story](), list[set[str]]()
    holding: Counter[str] = Counter()
    for each in told:
        corpus = Corpus(len(said), holding)
        rarity = corpus.rarity()
        near = index.best({word: weight * rarity(word) ** 2 for word, weight in each.words.items()}, NEAR)
        assignment = each.assigned([stories[at] for at in near], corpus, threshold)
        label = len(said) if assignment.story_id is None else int(assignment.story_id)
        said += [set()] if label == len(said) else []
        holding.update(each.words.keys() - said[label])
        said[label].update(each.words)
        labels.append(label)
        stories.append(each.story(str(label)))
        index.add(each.words)
    return labels
