"""Topic packs over texts of 300 words: ours, and the same forms as plain regular expressions, in turn.

    python -m benchmarks.classifying [--texts N] [--rounds N]

The peer holds all forms of the packs in one compiled alternation for each language, and finds what stands in a text of
a language that it is told; it neither folds nor judges nor reads claims. Ours does all of it. The texts are the packs'
examples, each with unrelated sentences of the demo in its language after it; the unrelated ones are those alone.

Beside the rows it prints what has no peer: the time to load the packs, the memory of this process, what a character
costs as a text grows, and the slowest of many texts of 100 KB that mean harm.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from time import process_time

from benchmarks.measure import SEEDS, Contestant, Row, in_turn, progress, row, table
from services.classifier.match import Matcher
from services.classifier.packs import load_matcher
from services.poller.parse import parse
from shared.models.pack import LanguageForms, TopicPack

TEXTS, ROUNDS = 10_000, 5
HIT_SHARE = 0.01
CHARACTERS = 1_800  # some 300 words
KILOBYTES = 100
LENGTHS = (1, 2, 4, 8)
TOPICS = SEEDS / "topics"
_ODD_PIECES = {
    "digits": "1234567890",
    "figures": "12,345.67 ",
    "dots": ".",
    "dots and blanks": ". ",
    "quotes": "!\"'”)",
    "blanks": " ",
    "line ends": "\n ",
    "marks": "\u0300\u0323",
    "letters with marks": "a\u0323\u0308",
    "Han": "漢字",
    "kana": "が",
    "jamo": "\u1112\u1161\u11ab",
    "one word": "a",
    "hyphens": "-",
}


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    language: str


def measure(texts: int, rounds: int) -> list[Row]:
    matcher = load_matcher(TOPICS)
    hits, others = relevant(matcher), unrelated(matcher)
    rare = [*islice(cycle(others), round(texts * (1 - HIT_SHARE))), *islice(cycle(hits), round(texts * HIT_SHARE))]
    all_hits = [*islice(cycle(hits), max(1, texts // 20))]
    return [
        _row(matcher, "classifying: 1 % relevant", rare, rounds),
        _row(matcher, "classifying: all relevant", all_hits, rounds),
        _growth(matcher, hits, rounds),
    ]


def relevant(matcher: Matcher) -> list[Text]:
    """One for each example that must match."""
    filling = {text.language: text.text for text in unrelated(matcher)}
    return [
        Text(f"{example.text}\n{filling.get(forms.language, filling['en'])}"[:CHARACTERS], forms.language)
        for topic in matcher.topics
        for forms in topic.pack.languages
        for example in forms.examples.match
    ]


def unrelated(matcher: Matcher) -> list[Text]:
    """One for each language of the demo: what it tells of no topic, again and again."""
    told: dict[str, list[str]] = {}
    for file in sorted((SEEDS / "demo" / "feeds").iterdir()):
        document = parse(file.read_bytes(), "https://news.example/")
        for item in document.items:
            text = f"{item.title}. {item.summary}"
            if document.language and not matcher.match(text, document.language):
                told.setdefault(document.language.split("-")[0], []).append(text)
    return [Text(_filled(" ".join(texts) + " ", CHARACTERS), language) for language, texts in told.items()]


def plain_regex(packs: Sequence[TopicPack]) -> Callable[[Sequence[Text]], None]:
    """All forms of a language in one alternation; `*` stands for the rest of a word."""
    written: dict[str, set[str]] = {}
    for pack in packs:
        for forms in pack.languages:
            written.setdefault(forms.language, set()).update(_forms(forms))
    found = {language: re.compile(_alternation(forms), re.IGNORECASE) for language, forms in written.items()}

    def run(texts: Sequence[Text]) -> None:
        for text in texts:
            if text.language in found:
                found[text.language].findall(text.text)

    return run


def ours(matcher: Matcher, texts: Sequence[Text]) -> None:
    for text in texts:
        matcher.match(text.text, text.language)


def _row(matcher: Matcher, what: str, texts: Sequence[Text], rounds: int) -> Row:
    regex = plain_regex([topic.pack for topic in matcher.topics])
    laps = in_turn(
        {"ours": Contestant(partial(ours, matcher, texts)), "regex": Contestant(partial(regex, texts))}, rounds
    )
    return row(
        what, "texts/CPU s", len(texts), laps["ours"], laps["regex"], "{:.1f} times as many texts as plain regex"
    )


def _growth(matcher: Matcher, hits: Sequence[Text], rounds: int) -> Row:
    short, long = hits, [Text(text.text + (" " + text.text) * (LENGTHS[-1] - 1), text.language) for text in hits]
    contestants = {
        "long": Contestant(partial(ours, matcher, long)),
        "short": Contestant(partial(ours, matcher, [*short] * LENGTHS[-1])),
    }
    laps = in_turn(contestants, rounds)
    work = sum(len(text.text) for text in long)
    meaning = (
        f"in a text {LENGTHS[-1]} times as long, {{:.2f}} times as many characters a second; from 1 on it is linear"
    )
    return row("classifying: a longer text", "characters/CPU s", work, laps["long"], laps["short"], meaning)


def report(matcher: Matcher) -> Iterator[str]:
    began = process_time()
    load_matcher(TOPICS)
    yield f"packs loaded in {process_time() - began:.2f} CPU s"
    yield "times at " + ", ".join(f"{length}x {ratio:.2f}" for length, ratio in growth(matcher).items())
    slowest = sorted(((_seconds(matcher, text), name) for name, text in hostile(matcher)), reverse=True)
    yield f"{len(slowest)} hostile texts of {KILOBYTES} KB; the slowest:"
    yield from (f"  {1000 * seconds:6.1f} ms  {name}" for seconds, name in slowest[:5])
    yield f"memory of a process that loads the packs and judges: {_megabytes():,.0f} MB at the most"


def _megabytes() -> float:
    """At its greatest, of a process of its own, with one matcher in it and no peer."""
    code = (
        "from benchmarks.classifying import *; m = load_matcher(TOPICS); ours(m, relevant(m));"
        # Not getrusage, which counts what the process was before it ran this.
        "print(open('/proc/self/status').read())"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=SEEDS.parent, capture_output=True, text=True, check=True)
    return int(ran.stdout.split("VmHWM:")[1].split()[0]) / 1024


def growth(matcher: Matcher) -> dict[int, float]:
    """Of texts so many times as long: the time by that of the texts as they are."""
    hits = relevant(matcher)
    times = {
        length: _best(lambda length=length: ours(matcher, [Text((t.text + " ") * length, t.language) for t in hits]))  # type: ignore[misc]
        for length in LENGTHS
    }
    return {length: time / times[LENGTHS[0]] for length, time in times.items()}


def hostile(matcher: Matcher) -> Iterator[tuple[str, Text]]:
    """Each begins as what is told of, so that nothing ends the work early."""
    for topic in matcher.topics:
        for forms in topic.pack.languages:
            lead = forms.examples.match[0].text if forms.examples.match else topic.pack.name
            for name, piece in _pieces(topic.pack, forms):
                text = f"{lead} {_filled(piece, KILOBYTES * 1024)}".encode()[: KILOBYTES * 1024].decode(errors="ignore")
                yield f"{forms.language}: {name}", Text(text, forms.language)


def _pieces(pack: TopicPack, forms: LanguageForms) -> Iterator[tuple[str, str]]:
    words = [form.replace("*", "") for form in _forms(forms)]
    of = _spoken(pack, forms)
    yield "all forms in one sentence", " ".join(words) + " "
    yield "all forms, a line each", "\n".join(words) + "\n"
    yield "all forms glued together", "".join(words)
    yield "actors and nouns", f"{of['actor']} {of['noun']} "
    yield "an actor, thousands of times", of["actor"] + " "
    yield "an actor glued together", of["actor"]
    yield "a noun, thousands of times", of["noun"] + " "
    yield "an event glued together", of["event"]
    yield "a figure in each sentence", f"10,000 {of['noun']} {of['event']}. "
    yield "accents everywhere", f"{of['actor']} \u0301{of['noun']} \u0301"
    yield from _ODD_PIECES.items()


def _spoken(pack: TopicPack, forms: LanguageForms) -> Mapping[str, str]:
    rule = pack.topic.rule
    parts = {"actor": rule.actor + rule.compound, "noun": rule.noun + rule.actor}
    concepts = {
        part: [form for name in names for form in forms.concepts.get(name, ())] for part, names in parts.items()
    }
    said = concepts | {"event": [form for named in forms.events.values() for form in named]}
    return {part: (some[0] if some else pack.name).replace("*", "") for part, some in said.items()}


def _forms(forms: LanguageForms) -> list[str]:
    groups = (forms.concepts, forms.places, forms.events, forms.roles, forms.speakers)
    return [form for group in groups for some in group.values() for form in some] + [*forms.masks, *forms.negatives]


def _alternation(forms: set[str]) -> str:
    longest_first = sorted(forms, key=len, reverse=True)
    return rf"(?<!\w)(?:{'|'.join(re.escape(form).replace(re.escape('*'), chr(92) + 'w*') for form in longest_first)})"


def _filled(piece: str, length: int) -> str:
    return (piece * (length // max(1, len(piece)) + 1))[:length]


def _seconds(matcher: Matcher, text: Text) -> float:
    return _best(partial(ours, matcher, [text]))


def _best(run: Callable[[], None], tries: int = 3) -> float:
    """CPU seconds; the least of a few, for what others do on the machine only adds."""
    times = []
    for _ in range(tries):
        began = process_time()
        run()
        times.append(process_time() - began)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=TEXTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    wanted = parser.parse_args()
    print(table(measure(wanted.texts, wanted.rounds)))
    progress("hostile texts")
    lines = [*report(load_matcher(TOPICS))]
    progress("")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
