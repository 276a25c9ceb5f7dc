"""JSON Merge Patch (pure): https://www.rfc-editor.org/rfc/rfc7396."""

from collections.abc import Mapping

from pydantic import JsonValue


def merged(target: JsonValue, patch: JsonValue) -> JsonValue:
    """`target` as `patch` wants it: null takes out, objects are merged, all else takes its place, lists as a whole."""
    if not isinstance(patch, Mapping):
        return patch
    base: dict[str, JsonValue] = dict(target) if isinstance(target, Mapping) else {}
    kept = {name: value for name, value in base.items() if name not in patch}
    put = {name: merged(base.get(name), value) for name, value in patch.items() if value is not None}
    return kept | put
