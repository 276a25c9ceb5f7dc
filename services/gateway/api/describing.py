"""The description of the API: to what the routes say of themselves comes what is true of all of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from services.gateway.api.problems import RESPONSES

Described = dict[str, Any]

# Bodies may be malformed, late, or too large; and a key of a POST malformed, or that of a request still worked on.
OF_CHANGES: Mapping[str, tuple[int, ...]] = {
    "post": (400, 408, 409, 413),
    "patch": (400, 408, 413),
    "delete": (408, 413),
}
UNCHANGED = {"description": "It is as the tag in If-None-Match has it."}
TAGGED = ("application/json", "application/feed+json", "application/atom+xml", "application/rss+xml")
HEADERS: Mapping[str, tuple[str, str]] = {
    "201": ("Location", "the path of what was made"),
    "304": ("ETag", "as it was"),
    "401": ("WWW-Authenticate", "the ways to present a token"),
    "429": ("Retry-After", "how many seconds to wait"),
}
# What is made by a request, its answer's status, and where its id goes.
MADE = {
    ("/v1/feeds", "201"): "/v1/feeds/{feed_id}",
    ("/v1/subscriptions", "201"): "/v1/subscriptions/{subscription_id}",
    ("/v1/tokens", "201"): "/v1/tokens/{token_id}",
    ("/v1/topics/{name}/backtests", "202"): "/v1/backtests/{backtest_id}",
}


def describe(app: FastAPI) -> None:
    """Have `app` answer /openapi.json with the whole."""
    own, whole = app.openapi, list[Described]()

    def openapi() -> Described:
        if not whole:
            whole.append(completed(own()))
        return whole[0]

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def completed(description: Described) -> Described:
    """Changed in place."""
    for method, operation in _operations(description):
        responses = operation["responses"]
        for code in OF_CHANGES.get(method, ()):
            responses.setdefault(str(code), RESPONSES[code])
        if method == "get" and any(kind in responses["200"].get("content", ()) for kind in TAGGED):
            responses.setdefault("304", UNCHANGED)
        operation["responses"] = {status: _with_header(status, responses[status]) for status in sorted(responses)}
    for (path, status), there in MADE.items():
        description["paths"][path]["post"]["responses"][status]["links"] = dict(_links(description["paths"], there))
    return description


def _operations(description: Described) -> Iterator[tuple[str, Described]]:
    for operations in description["paths"].values():
        yield from operations.items()


def _with_header(status: str, response: Described) -> Described:
    if status not in HEADERS:
        return response
    name, meaning = HEADERS[status]
    return {**response, "headers": {name: {"description": meaning, "required": True, "schema": {"type": "string"}}}}


def _links(paths: Described, there: str) -> Iterator[tuple[str, Described]]:
    """To all that can be done with it."""
    parameter = there.rpartition("{")[2].rstrip("}")
    for path, operations in paths.items():
        for operation in operations.values() if path == there or path.startswith(f"{there}/") else ():
            name = operation["operationId"]
            yield name, {"operationId": name, "parameters": {parameter: "$response.body#/id"}}
