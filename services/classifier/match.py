"""Does an entry tell what a topic watches? A pure decision: the same packs and the same entry, the same verdict."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from services.classifier.claims import read_claims
from services.classifier.lexicon import Lexicon
from services.classifier.notices import read_notice
from services.classifier.scan import Hit, Kind, Scanner
from services.classifier.text import Span, languages_of, sentence_at, sentences
from shared.models.entry import Entry
from shared.models.pack import TopicPack, TopicRule
from shared.models.topic import Classification, Evidence, Reply, Severity, Tier, TopicMatch, Verdict

ENGINE = 5  # raised whenever the same pack would give another verdict
_CJK = frozenset({"zh", "ja", "ko"})
# "and" with its spaces, or one character: a second owner so close to the actor shares the noun with it.
_SHARED, _SHARED_CJK = 6, 2
# What happened stands in the title; what a later sentence names is what had happened before.
_FADE = 0.3
_LONGEST_FORM = 80
# Nearly twice the text that is kept of a page; what decides stands in the title and the first sentences.
MOST_CHARACTERS = 40_000
_SPOKEN = 2  # sentences after the title; who is named later speaks of the background
_SHOWN = 100  # hits of evidence


@dataclass(frozen=True, slots=True)
class _Text:
    text: str
    language: str | None
    sentences: tuple[Span, ...]
    lexicon: Lexicon
    published: date | None = None

    def sentence(self, hit: Hit) -> int:
        return sentence_at(self.sentences, hit.start)


@dataclass(frozen=True, slots=True)
class _Verdict:
    reason: Verdict
    score: float = 0.0
    event: str | None = None
    evidence: tuple[Hit, ...] = ()

    @property
    def relevant(self) -> bool:
        return self.reason is Verdict.MATCHED


class Topic:
    """One pack's rule, ready to judge."""

    def __init__(self, pack: TopicPack) -> None:
        self.pack = pack
        self.version = sha256(f"{ENGINE}\n{pack.model_dump_json()}".encode()).hexdigest()[:12]

    def judge(self, text: _Text, hits: Sequence[Hit]) -> TopicMatch | None:
        """None when the actor is not named at all."""
        parts = _Parts(self.pack, text, hits)
        if not parts.named:
            return None
        verdict = self._verdict(text, parts)
        event = self.pack.topic.events.get(verdict.event or "")
        claims = (
            read_claims(text.text, text.sentences, hits, text.lexicon, self.pack, verdict.event, text.published)
            if verdict.relevant
            else ()
        )
        note = read_notice(text.text, text.sentences, text.lexicon) if verdict.relevant else None
        return TopicMatch(
            topic=self.pack.name,
            version=self.version,
            relevant=verdict.relevant,
            score=round(verdict.score, 2),
            threshold=self.pack.topic.threshold,
            event_type=verdict.event,
            severity=event.severity if event else Severity.LOW,
            tier=Tier.CORE if parts.core else Tier.RELATED,
            language=text.language,
            reason=verdict.reason.value,
            evidence=_evidence(text, verdict.evidence),
            negative=_evidence(text, parts.negative),
            aspects=_evidence(text, [hit for hit in hits if hit.kind is Kind.ASPECT]) if verdict.relevant else (),
            events=tuple(dict.fromkeys(hit.name for hit in parts.events if text.sentence(hit) <= 1)),
            speakers=tuple(
                dict.fromkeys(hit.name for hit in hits if hit.kind is Kind.SPEAKER and text.sentence(hit) <= _SPOKEN)
            ),
            grounds=_grounds(self.pack, text, hits),
            reply=_reply(self.pack.topic, text, hits),
            claims=claims,
            gather=self.pack.topic.gather,
            notice=note.notice if note else None,
            notice_at=note.start if note else None,
        )

    def _verdict(self, text: _Text, parts: "_Parts") -> _Verdict:
        topic = self.pack.topic
        if not parts.actors:
            return _Verdict(Verdict.NO_ACTOR, evidence=parts.named)
        anchors = parts.anchors(topic.proximity.of(text.language))
        if not anchors:
            return _Verdict(Verdict.NO_NOUN_NEAR_ACTOR, evidence=parts.actors)
        lead = [anchor for anchor in anchors if text.sentence(anchor[0]) <= topic.lead]
        if not lead:
            return _Verdict(Verdict.ACTOR_NOT_IN_LEAD, evidence=anchors[0])
        return self._score(text, parts, lead)

    def _score(self, text: _Text, parts: "_Parts", anchors: list[tuple[Hit, ...]]) -> _Verdict:
        at = {text.sentence(anchor[0]) for anchor in anchors}
        events = [hit for hit in parts.events if {text.sentence(hit), text.sentence(hit) - 1} & at]
        found = {hit for anchor in anchors for hit in anchor}
        if not events:
            return _Verdict(Verdict.NO_EVENT, evidence=_ordered(found))
        in_title = [hit for hit in parts.events if text.sentence(hit) == 0]
        event = self._event(text, {*events, *in_title})
        places = [hit for hit in parts.places if _beside(text.sentence(hit), at)]
        evidence = _ordered({*found, *places, *(hit for hit in (*events, *in_title) if hit.name == event)})
        if not places:
            return _Verdict(Verdict.NO_PLACE, event=event, evidence=evidence)
        weights = self.pack.topic.weights
        gain = (
            weights.actor
            + weights.title * (0 in at)
            + weights.event
            + (weights.core if parts.core else weights.related)
        )
        loss = weights.negative * len({text.text[hit.start : hit.end].casefold() for hit in parts.negative})
        threshold = self.pack.topic.threshold
        if gain - loss >= threshold:
            return _Verdict(Verdict.MATCHED, gain - loss, event, evidence)
        reason = Verdict.NEGATIVE_CONTEXT if gain >= threshold else Verdict.BELOW_THRESHOLD
        return _Verdict(reason, gain - loss, event, evidence)

    def _event(self, text: _Text, events: Iterable[Hit]) -> str:
        """The type with the most weight: each sentence that names it counts once, and less the later it stands."""
        types = self.pack.topic.events
        weight = dict.fromkeys(types, 0.0)
        for name, sentence in sorted({(hit.name, text.sentence(hit)) for hit in events}):
            weight[name] += types[name].weight * _FADE**sentence
        return max(weight, key=lambda name: weight[name])


class _Parts:
    """The hits of one topic, each in the part that the rule gives it."""

    def __init__(self, pack: TopicPack, text: _Text, hits: Sequence[Hit]) -> None:
        rule = pack.topic.rule
        self._text = text
        concepts = [hit for hit in hits if hit.kind is Kind.CONCEPT]
        tiers = [(hit, _tier(pack, hit)) for hit in hits]
        self.core = [hit for hit, tier in tiers if tier is Tier.CORE]
        self.places = [hit for hit, tier in tiers if tier]
        self.events = _outermost([hit for hit in hits if hit.kind is Kind.EVENT])
        # What a long text tells of other things below is its background.
        self.negative = tuple(
            hit for hit in hits if hit.kind is Kind.NEGATIVE and text.sentence(hit) <= pack.topic.lead + 1
        )
        self._owners = {hit.end: hit for hit in concepts if hit.name in rule.owner}
        self._nouns = [hit for hit in concepts if hit.name in rule.noun]
        self._noun_starts = [noun.start for noun in self._nouns]
        self._needs_noun = bool(rule.noun)
        self._compounds = [hit for hit in concepts if hit.name in rule.compound]
        strong = [hit for hit in concepts if hit.name in rule.actor]
        weak = [hit for hit in concepts if hit.name in rule.alias]
        placed = {text.sentence(hit) for hit in self.places}
        self.named = _ordered({*strong, *weak, *self._compounds})
        self._actors = strong + [hit for hit in weak if text.sentence(hit) in placed]
        self.actors = _ordered({*self._actors, *self._compounds})

    def anchors(self, near: int) -> list[tuple[Hit, ...]]:
        """The places in the text where the actor and its noun stand together."""
        alone: list[tuple[Hit, ...]] = [(hit,) for hit in (self._compounds if self._needs_noun else self.actors)]
        pairs = [(actor, noun) for actor in self._actors for noun in self._around(actor, near)]
        return sorted([*alone, *pairs], key=lambda anchor: anchor[0].start)

    def _around(self, actor: Hit, near: int) -> list[Hit]:
        first = bisect_left(self._noun_starts, actor.start - near - _LONGEST_FORM)
        last = bisect_right(self._noun_starts, actor.end + near)
        return [noun for noun in self._nouns[first:last] if self._together(actor, noun, near)]

    def _together(self, actor: Hit, noun: Hit, near: int) -> bool:
        gap = max(noun.start - actor.end, actor.start - noun.end)
        return (
            0 <= gap <= near
            and self._text.sentence(actor) == self._text.sentence(noun)
            and not self._taken(actor, noun)
        )

    def _taken(self, actor: Hit, noun: Hit) -> bool:
        """Whether an owner stands right before the noun and does not share it with the actor."""
        owner = self._owners.get(noun.start) or self._owners.get(noun.start - 1)
        shared = _SHARED_CJK if self._text.language in _CJK else _SHARED
        return owner is not None and not 0 <= owner.start - actor.end <= shared and not owner.within(actor)


def _outermost(hits: Sequence[Hit]) -> list[Hit]:
    """Without those that stand inside a longer one: "withdrawn" in "not withdrawn"."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if not kept or hit.end > kept[-1].end or (hit.start, hit.end) == (kept[-1].start, kept[-1].end):
            kept.append(hit)
    return kept


def _tier(pack: TopicPack, hit: Hit) -> Tier | None:
    """What a hit says of the place: a place of the gazetteer, or another word that the rule takes for one."""
    if hit.kind is Kind.PLACE:
        return pack.places[hit.name].tier
    if hit.kind is not Kind.CONCEPT:
        return None
    if hit.name in pack.topic.rule.core:
        return Tier.CORE
    return Tier.RELATED if hit.name in pack.topic.rule.related else None


def _grounds(pack: TopicPack, text: _Text, hits: Sequence[Hit]) -> tuple[str, ...]:
    named = (pack.region(hit.name) for hit in hits if hit.kind is Kind.PLACE and text.sentence(hit) <= 1)
    return tuple(sorted({region for region in named if pack.places[region].tier is Tier.CORE}))


def _reply(topic: TopicRule, text: _Text, hits: Sequence[Hit]) -> Reply | None:
    """The first in the topic's order."""
    named = {hit.name for hit in hits if hit.kind is Kind.ASPECT and text.sentence(hit) <= 1}
    return next((reply for aspect, reply in topic.replies.items() if aspect in named), None)


class Matcher:
    """Every pack, compiled. Safe to share between threads."""

    def __init__(self, packs: Sequence[TopicPack], lexicons: Mapping[str, Lexicon] | None = None) -> None:
        """`lexicons`: language → how its numbers and times are said; without it, claims know digits only."""
        self.topics = tuple(Topic(pack) for pack in packs)
        self.lexicons = lexicons or {}
        self._digits_only = Lexicon()
        self._scanner = Scanner(packs)

    @property
    def versions(self) -> dict[str, str]:
        return {topic.pack.name: topic.version for topic in self.topics}

    def classify(self, entry: Entry, now: datetime) -> Classification:
        matches = self.match(entry.whole, entry.language, (entry.published or now).date())
        return Classification(entry_id=entry.id, classified_at=now, matches=matches)

    def match(self, text: str, language: str | None = None, published: date | None = None) -> tuple[TopicMatch, ...]:
        """A verdict for each topic whose actor is named. The text's first line is its title.

        Where the language is uncertain, each that may be it is tried, and the one in which the text says most counts.
        Times are resolved against `published`.
        """
        text = text[:MOST_CHARACTERS]
        scan = self._scanner.scan(text)
        if scan is None:
            return ()
        bounds = sentences(text, titled=True)
        best: dict[int, TopicMatch] = {}
        for spoken in languages_of(text, language, scan.languages):
            read = _Text(text, spoken, bounds, self.lexicons.get(spoken, self._digits_only), published)
            for index, hits in scan.hits(spoken).items():
                verdict = self.topics[index].judge(read, hits)
                if verdict and (index not in best or _weight(verdict) > _weight(best[index])):
                    best[index] = verdict
        return tuple(verdict for _, verdict in sorted(best.items()))


def _weight(match: TopicMatch) -> tuple[bool, float, int]:
    return match.relevant, match.score, len(match.evidence)


def compile_topics(packs: Sequence[TopicPack], lexicons: Mapping[str, Lexicon] | None = None) -> Matcher:
    return Matcher(packs, lexicons)


def _beside(sentence: int, anchored: set[int]) -> bool:
    """The title, a sentence with an anchor, or one next to it."""
    return sentence == 0 or bool({sentence - 1, sentence, sentence + 1} & anchored)


def _ordered(hits: set[Hit]) -> tuple[Hit, ...]:
    return tuple(sorted(hits, key=lambda hit: (hit.start, hit.end, hit.kind, hit.name)))


def _evidence(text: _Text, hits: Sequence[Hit]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(concept=hit.name, text=text.text[hit.start : hit.end], start=hit.start, end=hit.end)
        for hit in hits[:_SHOWN]
    )
