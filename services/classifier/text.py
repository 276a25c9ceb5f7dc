"""Plain text made ready for matching: folding that keeps offsets, sentences, the language.

All positions are code points into the original text. Nothing here knows a topic.
"""

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from unicodedata import category, combining, is_normalized, normalize

Span = tuple[int, int]
_ANYWHERE = sys.maxsize  # the greatest end: beside a start, what begins there or before stands before it

# Invisible or decorative: soft hyphen, zero-width space and joiners, word joiner, byte-order mark, stress accents,
# Arabic vowel signs and lengthening.
_IGNORABLE = re.compile("[\u00ad\u0640\u064b-\u0652\u0670\u200b-\u200f\u2060\ufeff\u0300\u0301]")
_MARKS = "".join(char for char in map(chr, range(0x300, 0x3100)) if category(char).startswith("M"))
# Of these, composing makes several characters.
_LONGER = (
    "\u0344\u0958-\u095f\u09dc-\u09df\u0a33-\u0a5e\u0b5c\u0b5d\u0f43-\u0fb9\u2adc\ufb1d-\ufb4e\U0001d15e-\U0001d1c0"
)
# What folding composes or leaves out: Hangul conjoining jamo, a character with its marks, what is ignorable. Bounded:
# putting marks in order takes time by the square of their number.
_ODD = re.compile(
    f"[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?|.[{_MARKS}]{{1,8}}|[{_LONGER}]|{_IGNORABLE.pattern}", re.DOTALL
)
_ALIKE = str.maketrans("’ʼ‘`´ʹ′ꞌ‐‑‒–—−ёİأإآٱىة", "''''''''------еiاااايه")


class _Table(dict[int, int]):
    """Code point -> folded code point, filled on demand: NFKC and case folding wherever that stays one code point."""

    def __missing__(self, code: int) -> int:
        folded = normalize("NFKC", normalize("NFKC", chr(code)).casefold())
        one = folded if len(folded) == 1 else chr(code)
        self[code] = ord(one.translate(_ALIKE))
        return self[code]


_TABLE = _Table()

# The letters and the punctuation of most texts: Latin, Cyrillic, Arabic, Vietnamese, kana, Hangul, Han.
_COMMON = (
    *((0x20, 0x250), (0x400, 0x483), (0x620, 0x64B), (0x1EA0, 0x1EFA), (0x2010, 0x203B)),
    *((0x3001, 0x302A), (0x3041, 0x3097), (0x30A1, 0x30FD)),
)
_CASELESS = "\uac00-\ud7a3\u4e00-\u9fff"
_LETTERS = [char for first, last in _COMMON for char in map(chr, range(first, last))]
# Seen in every other text, though they are more than a letter in another case.
_SWAPPED = [char for char in [*"\u00a0Ё", *map(chr, _ALIKE)] if ord(char) > 0x7F]
_SIMPLE = {char for char in _LETTERS if char.lower() == char.translate(_TABLE) and not _IGNORABLE.match(char)}
_UNUSUAL = re.compile(f"[^\t\n\r{re.escape(''.join(sorted(_SIMPLE | set(_SWAPPED))))}{_CASELESS}]")


class Moved(NamedTuple):
    """Where folding composed something or left it out: its span in the folded text and in the original."""

    start: int
    end: int
    from_start: int
    from_end: int


@dataclass(frozen=True, slots=True)
class Folded:
    """`text` is what is searched. Between what was `moved` it is as long as the original."""

    text: str
    moved: tuple[Moved, ...] = ()

    def original(self, start: int, end: int) -> Span:
        """Of a span that is not empty."""
        return (self._original(start)[0], self._original(end - 1)[1]) if self.moved else (start, end)

    def _original(self, position: int) -> Span:
        before = bisect_right(self.moved, (position, _ANYWHERE)) - 1
        if before < 0:
            return position, position + 1
        moved = self.moved[before]
        if position < moved.end:
            return moved.from_start, moved.from_end
        start = position - moved.end + moved.from_end
        return start, start + 1


def fold(text: str) -> Folded:
    """Case, width, dashes, apostrophes, invisible characters and ё made alike."""
    if text.isascii():  # the same as below, in a tenth of the time
        return Folded(text.lower().replace("`", "'"))
    if not _UNUSUAL.search(text):  # again the same, in a fourth of the time
        for char in _SWAPPED:
            text = text.replace(char, char.translate(_TABLE))
        return Folded(text.lower().replace("`", "'"))
    if is_normalized("NFC", text) and not _IGNORABLE.search(text):
        return Folded(text.translate(_TABLE))
    parts: list[str] = []
    moved: list[Moved] = []
    done = at = 0
    for odd in _ODD.finditer(text):
        start, end = odd.span()
        letter = _composed(odd[0])
        at += start - done
        parts += text[done:start], letter
        moved.append(Moved(at, at + len(letter), start, end))
        at, done = at + len(letter), end
    return Folded("".join([*parts, text[done:]]).translate(_TABLE), tuple(moved))


@lru_cache(10_000)
def _composed(letter: str) -> str:
    return _IGNORABLE.sub("", normalize("NFC", letter))


def is_cjk(char: str) -> bool:
    """Han, kana or Hangul: scripts in which a form is looked for inside words."""
    return "\u2e80" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7a3" or "\uf900" <= char <= "\ufaff"


def is_word(char: str) -> bool:
    """A character that would continue a word of an alphabetic script."""
    return (char.isalnum() or combining(char) > 0) and not is_cjk(char)


def is_common(word: str, language: str) -> bool:
    """One of the words that tell the language, since every text has some."""
    return language in _VOTES.get(word, ())


# From the first mark of a run only, and never back: so that a text of nothing but dots costs no more than its length.
_END = re.compile(r"\n++|(?<![!?…])[!?…]++[\"'»”’)\]]*+(?=\s)|[。！？]++[」』”’）]*+|(?<!\.)\.++[\"'»”’)\]]*+(?=\s)")
_ABBREVIATION_LIST = """
mr mrs ms dr prof gen col maj lt capt sgt adm gov sen rep pres st no vs approx est
jan feb mar apr jun jul aug sep sept oct nov dec
тыс тис млн млрд им обл ул ст гг рр см руб грн ген бл св
płn płd tys mln mld płk ppłk mjr ca bzw nr abs usw sr sra av env
"""
_ABBREVIATIONS = frozenset(_ABBREVIATION_LIST.split())
MOST_ENDS = 4_000  # no article has as many
_LAST_WORD = re.compile(r"([^\s.(«„“\"']+)$")


def sentences(text: str, *, titled: bool = False) -> tuple[Span, ...]:
    """The spans of the sentences, in order, without the space between them. A line break always ends one.

    `titled`: the first of several lines is a title, and one sentence whatever marks stand in it. After
    MOST_ENDS marks that may end a sentence, the rest counts as one.
    """
    spans, start = [], 0
    ends = _END.finditer(text, max(0, text.find("\n")) if titled else 0)
    for end in islice(ends, MOST_ENDS):
        if end[0][0] == "." and not _ends_sentence(text, end):
            continue
        spans.append((start, end.end()))
        start = end.end()
    spans.append((start, len(text)))
    return tuple(trimmed for span in spans if (trimmed := _trim(text, span)) is not None)


def _ends_sentence(text: str, stop: re.Match[str]) -> bool:
    """Not after an initial or an abbreviation, and not before a small letter."""
    word = _LAST_WORD.search(text, max(0, stop.start() - 20), stop.start())
    if word and (_is_initial(word[1]) or word[1].lower() in _ABBREVIATIONS):
        return False
    following = text[stop.end() : stop.end() + 3].lstrip()
    return not following[:1].islower()


def _is_initial(word: str) -> bool:
    return len(word) == 1 and word.isalpha() and not is_cjk(word)


def _trim(text: str, span: Span) -> Span | None:
    start, end = span
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None


def sentence_at(spans: Sequence[Span], position: int) -> int:
    """The index of the sentence that holds `position`."""
    return max(0, bisect_right(spans, (position, _ANYWHERE)) - 1)


_STOP_WORDS = {
    "en": "the of and to in that is for on with said has was by as have from are",
    "de": "der die und das den von ist mit nach für ein eine auf dem nicht sich auch",
    "fr": "le les et des du une dans est pour par sur au qui avec selon ont",
    "es": "el los las del y en una por con para según han fue su más",
    "pl": "w z na się do nie że jest od przez oraz dla po została",
    "it": "il di che della nel per gli una con sono alla anche dei",
    "pt": "o os da do em uma com não para no na dos ao foram",
    "nl": "de het een van en in op zijn dat voor niet met",
    "id": "yang dan di dari untuk dengan ini itu akan telah pada",
    "cs": "je na se že byl podle jsou pro ve které jako",
    "sk": "je na sa že bol podľa sú pre vo ktoré ako",
    "vi": "của và là các được cho trong một người không",
    "sl": "pri ter bil tudi kot iz",
    "sr": "koji koja kako nije će iz protiv",
    "is": "að það við sem með fyrir",
    "tr": "bir için olarak daha sonra göre",
}
_VOTES: dict[str, list[str]] = {}
for _language, _words in _STOP_WORDS.items():
    for _word in _words.split():
        _VOTES.setdefault(_word, []).append(_language)

_SCRIPTS = (
    ("kana", re.compile("[\u3040-\u30ff]"), frozenset({"ja"})),
    ("hangul", re.compile("[\uac00-\ud7a3]"), frozenset({"ko"})),
    ("han", re.compile("[\u4e00-\u9fff]"), frozenset({"zh", "ja"})),
    ("cyrillic", re.compile("[\u0400-\u04ff]"), frozenset({"uk", "ru", "bg", "be", "sr", "mk", "kk"})),
    ("arabic", re.compile("[\u0600-\u06ff]"), frozenset({"ar", "fa"})),
    ("latin", re.compile("[A-Za-z\u00c0-\u024f]"), frozenset(_STOP_WORDS)),
)
_UKRAINIAN, _RUSSIAN = re.compile("[іїєґІЇЄҐ]"), re.compile("[ыэъёЫЭЪЁ]")
# Bulgarian writes ъ in every other word, and none of these.
_ONLY_RUSSIAN = re.compile("[ыэёЫЭЁ]")
_WORD = re.compile(r"[^\W\d_]+")
_FEW = 2
# Russian has no ъ before a consonant; of the languages with ј, Macedonian alone says во and дека.
_MACEDONIAN, _MACEDONIAN_WORD = re.compile("[ѓќѕЃЌЅ]"), re.compile(r"\b(?:во|дека)\b")
_YUGOSLAV, _BULGARIAN = re.compile("[јљњџћђЈЉЊЏЋЂ]"), re.compile("ъ[бвгджзклмнпрстфхцчшщ]")


def language_of(text: str, declared: str | None = None) -> str | None:
    """The primary subtag: as declared, unless the script says otherwise; else by script, letters and stop-words.

    None when nothing tells.
    """
    return _read(text, declared)[0]


def languages_of(text: str, declared: str | None, known: Iterable[str]) -> tuple[str, ...]:
    """Those it may be in: the one of `language_of` where that is certain, else each of `known` in the same script.

    A short headline has too few stop-words to tell its language by, and some have none.
    """
    language, certain, script = _read(text, declared)
    if language and certain:
        return (language,)
    return tuple(other for other in sorted({*known, *([language] if language else ())}) if _fits(other, script))


def _read(text: str, declared: str | None) -> tuple[str | None, bool, str]:
    """The likeliest language, whether it is certain, and the script."""
    script = _script(text)
    primary = declared.split("-")[0].lower() if declared else None
    if script == "cyrillic":
        return (*_cyrillic(text, primary), script)
    if primary and _fits(primary, script):
        return primary, True, script
    if script == "latin":
        return (*_vote(text), script)
    return {"kana": "ja", "hangul": "ko", "han": "zh", "arabic": "ar"}[script], script != "han", script


def _script(text: str) -> str:
    """Kana and Hangul tell even when most is Han; otherwise the most frequent script."""
    counts = {name: len(pattern.findall(text)) for name, pattern, _ in _SCRIPTS}
    east = counts["kana"] + counts["hangul"] + counts["han"]
    # A Han character or a syllable stands for two or three letters.
    if 2 * east >= counts["latin"] + counts["cyrillic"] and east:
        if counts["hangul"] > counts["kana"] and counts["hangul"] * 4 > counts["han"]:
            return "hangul"
        return "kana" if counts["kana"] * 10 > counts["han"] else "han"
    return max(("latin", "cyrillic", "arabic"), key=lambda name: counts[name])


def _fits(language: str, script: str) -> bool:
    """Unless the language is known to be written otherwise."""
    written = {name for name, _, languages in _SCRIPTS if language in languages}
    return not written or script in written


def _cyrillic(text: str, declared: str | None) -> tuple[str, bool]:
    if declared is None and (other := _other_cyrillic(text)):
        return other, True
    ukrainian, russian = len(_UKRAINIAN.findall(text)), len(_RUSSIAN.findall(text))
    if declared in (None, "uk", "ru") or not _fits(declared, "cyrillic"):
        if ukrainian != russian:
            return ("uk", True) if ukrainian > russian else ("ru", bool(_ONLY_RUSSIAN.search(text)))
        return (declared, True) if declared in ("uk", "ru") else ("ru", False)
    return declared, True


def _other_cyrillic(text: str) -> str | None:
    if _YUGOSLAV.search(text) or _MACEDONIAN.search(text):
        return "mk" if _MACEDONIAN.search(text) or _MACEDONIAN_WORD.search(text) else "sr"
    return "bg" if _BULGARIAN.search(text) else None


def _vote(text: str) -> tuple[str | None, bool]:
    """Certain with two votes, and twice as many as any other language has."""
    votes: dict[str, int] = {}
    for word in _WORD.findall(text.lower()):
        for language in _VOTES.get(word, ()):
            votes[language] = votes.get(language, 0) + 1
    if not votes:
        return None, False
    first = max(votes, key=lambda language: votes[language])
    second = max((count for language, count in votes.items() if language != first), default=0)
    return first, votes[first] >= max(_FEW, 2 * second)
