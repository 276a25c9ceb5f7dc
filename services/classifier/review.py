"""A second look at a pack whose files are in order: what cannot work in it, and what is hardly meant. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from services.classifier.text import fold, is_cjk, is_common
from shared.models.allowed import Location
from shared.models.pack import PARTS, PLACES_FILE, RULE_FILE, Form, Forms, LanguageForms, TopicPack

_SHORT_STEM = 3
_MOST = 12  # names in one remark


class Remark(NamedTuple):
    """`at` is a place in the pack's file of that name."""

    file: str
    at: Location
    text: str


class _Stand(NamedTuple):
    """Where a form stands, and as what it is looked for."""

    at: Location
    form: Form
    folded: str


def faults(pack: TopicPack) -> Iterator[Remark]:
    """What a pack must not hold."""
    for forms in pack.languages:
        for stand in _stands(forms):
            if not stand.folded.split("*")[0].strip():
                yield _remark(forms, stand, "nothing is left of it to look for")


def doubts(pack: TopicPack) -> Iterator[Remark]:
    """What a pack may hold, but its author will hardly have meant."""
    yield from _without_forms(pack)
    strong = {*pack.topic.rule.actor, *pack.topic.rule.compound}
    for forms in pack.languages:
        yield from _doubts_of_language(forms, strong)


def _without_forms(pack: TopicPack) -> Iterator[Remark]:
    """What the rule or the gazetteer knows and no language can say."""
    said = {name for forms in pack.languages for group in _groups(forms).values() for name in group}
    for part in PARTS:
        for index, name in enumerate(getattr(pack.topic.rule, part)):
            if name not in said:
                yield Remark(RULE_FILE, ("rule", part, index), f"`{name}` has no form in any language")
    for event in pack.topic.events:
        if event not in said:
            yield Remark(RULE_FILE, ("events", event), "has no form in any language")
    regions = {place.within for place in pack.places.values()}
    if unsaid := [place for place in pack.places if place not in said and place not in regions]:
        yield Remark(PLACES_FILE, ("places", unsaid[0]), f"has no form in any language{_others(unsaid[1:])}")


def _others(names: list[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f", nor have {', '.join(names[:_MOST])}{more}" if names else ""


def _doubts_of_language(forms: LanguageForms, strong: set[str]) -> Iterator[Remark]:
    file = f"{forms.language}.yaml"
    if not any(forms.concepts.get(name) for name in strong):
        yield Remark(file, ("concepts",), "no actor has a form, so nothing can match")
    for part in ("match", "no_match"):
        if not getattr(forms.examples, part):
            yield Remark(
                file, ("examples", part), f"no example of `{part}`, so nothing holds the forms to what they mean"
            )
    yield from _twice(forms)
    yield from _masked(forms)
    for stand in _stands(forms):
        if text := _too_wide(stand, forms.language, stand.at[1] in strong):
            yield _remark(forms, stand, text)


def _twice(forms: LanguageForms) -> Iterator[Remark]:
    first: dict[tuple[Location, str], Location] = {}
    for stand in _stands(forms):
        other = first.setdefault((stand.at[:-1], stand.folded), stand.at)
        if other != stand.at:
            yield _remark(forms, stand, f"stands in this list twice, first as number {int(other[-1]) + 1}")


def _masked(forms: LanguageForms) -> Iterator[Remark]:
    masks = {fold(mask).text for mask in forms.masks}
    for stand in _stands(forms):
        if stand.folded in masks and stand.at[0] != "masks":
            yield _remark(forms, stand, "is a mask as well, and so counts for nothing")


def _too_wide(stand: _Stand, language: str, is_actor: bool) -> str | None:
    """Why a form would be met all day."""
    key, *rest = stand.folded.split("*")
    if stand.at[0] in ("masks", "negatives"):
        return None
    if is_cjk(key[-1]):
        return "one character, met inside many words" if is_actor and len(key) == 1 and not rest else None
    if rest == [""] and len(key) < _SHORT_STEM:
        return f"very many words begin with `{key}`"
    return "one of the commonest words of the language" if not rest and is_common(key, language) else None


def _stands(forms: LanguageForms) -> Iterator[_Stand]:
    groups: dict[str, dict[str, Forms]] = _groups(forms)
    for part, named in groups.items():
        for name, written in named.items():
            yield from (_Stand((part, name, index), form, fold(form).text) for index, form in enumerate(written))
    for part in ("masks", "negatives"):
        yield from (_Stand((part, index), form, fold(form).text) for index, form in enumerate(getattr(forms, part)))


def _groups(forms: LanguageForms) -> dict[str, dict[str, Forms]]:
    return {part: getattr(forms, part) for part in ("concepts", "places", "events", "roles", "aspects", "speakers")}


def _remark(forms: LanguageForms, stand: _Stand, text: str) -> Remark:
    return Remark(f"{forms.language}.yaml", stand.at, f"`{stand.form}`: {text}")
