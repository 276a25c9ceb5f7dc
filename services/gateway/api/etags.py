"""Who changes something may say which state of it he has seen (RFC 9110, 13.1.1)."""

from hashlib import sha256

from fastapi import HTTPException, Request

from shared.models.base import Model


def etag(view: Model) -> str:
    """Strong: a hash of its JSON."""
    return f'"{sha256(view.model_dump_json().encode()).hexdigest()[:32]}"'


def check_match(request: Request, view: Model) -> None:
    """Raises HTTPException (412) if `If-Match` names another state than `view`, the current one as GET returns it."""
    wanted = request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return
    if etag(view) not in (each.strip() for each in wanted.split(",")):
        raise HTTPException(412, "it has changed since; get it again, and change that")
