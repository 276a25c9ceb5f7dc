"""JSON Merge Patch, RFC 7396 (pure)."""

from collections.abc import Mapping
from typing import TypeAlias, Union

MEDIA_TYPE = "application/merge-patch+json"
Json: TypeAlias = Union[bool, int, float, str, "list[Json]", "Mapping[str, Json]", None]


def merged(target: Json, patch: Json) -> Json:
    """`target` as `patch` would have it: null takes a member away, an object goes into the one that is there, and
    everything else replaces. Neither argument is changed."""
    if not isinstance(patch, Mapping):
        return patch
    kept = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = merged(kept.get(name), value)
    return kept
