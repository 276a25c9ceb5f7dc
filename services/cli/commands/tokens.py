"""`tocsin tokens`: who may use the gateway."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from services.cli import wiring
from services.cli.render import moment, print_json, print_table, remark, say
from services.cli.wiring import on_tokens
from shared.errors import TocsinError
from shared.models.access import Scope, Token
from shared.store.tokens import TokenStore, new_token

app = typer.Typer(help="Who may use the gateway.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)
COLUMNS = ("id", "name", "scopes", "created", "expires")
LONGEST_NAME = 100
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, for the audit log.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do, besides reading; may be given again; else read.")
    ] = None,
    expires_days: Annotated[int | None, typer.Option(min=1, max=3650, help="Else it holds until revoked.")] = None,
    json: Json = False,
) -> None:
    """Make a token, and show it, once.

    With the first one the gateway asks for tokens, and listens where TOCSIN_GATEWAY_HOST says.
    """
    if not (1 <= len(name) <= LONGEST_NAME and name.isprintable()):
        raise typer.BadParameter(f"NAME: allowed are 1 to {LONGEST_NAME} printable characters")
    now = datetime.now(UTC)
    expires_at = now + timedelta(days=expires_days) if expires_days else None
    token, text = new_token(name, scope or [Scope.READ], now, expires_at)
    on_tokens(wiring.settings(), lambda tokens: tokens.add(token))
    if json:
        print_json({**_described(token), "token": text})
    else:
        say(text)
    remark(f"it is shown only now; `tocsin tokens revoke {token.id}` ends it")


@app.command("list")
def list_tokens(json: Json = False) -> None:
    """The tokens, oldest first; never their texts."""
    tokens = on_tokens(wiring.settings(), TokenStore.all)
    if json:
        print_json([_described(token) for token in tokens])
    else:
        print_table(COLUMNS, map(_row, tokens), elastic="name")


@app.command("revoke")
def revoke(token_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` names it.")]) -> None:
    """Have a token open nothing any more, at once."""
    if not on_tokens(wiring.settings(), lambda tokens: tokens.revoke(token_id)):
        raise TocsinError(f"no token: {token_id}")
    say(f"revoked: {token_id}")


def _described(token: Token) -> dict[str, object]:
    return token.model_dump(mode="json", exclude={"digest"})


def _row(token: Token) -> tuple[object, ...]:
    expired = "expired " if token.has_expired(datetime.now(UTC)) else ""
    return (
        token.id,
        token.name,
        ", ".join(token.scopes),
        moment(token.created_at),
        expired + moment(token.expires_at) if token.expires_at else "never",
    )
