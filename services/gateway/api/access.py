"""What a route asks of its caller."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request, Security
from fastapi.params import Security as SecurityParameter
from fastapi.security import HTTPBearer, SecurityScopes

from shared.models.access import LOCAL, Caller, Scope

# For the description only: who calls is found out before any route is chosen.
_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="as `tocsin tokens create` shows it, once")


def caller_of(request: Request) -> Caller:
    found: Caller = request.scope.get("caller", LOCAL)
    return found


def _checked(
    scopes: SecurityScopes, caller: Annotated[Caller, Depends(caller_of)], _: Annotated[object, Depends(_BEARER)]
) -> Caller:
    for scope in scopes.scopes:
        if not caller.may(Scope(scope)):
            raise HTTPException(403, f"this needs a token of the scope {scope}")
    return caller


def needs(scope: Scope) -> SecurityParameter:
    """As a dependency of a route or a router: only callers of this scope get there; others are answered 403."""
    dependency: SecurityParameter = Security(_checked, scopes=[scope.value])
    return dependency
