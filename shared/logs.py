"""Structured logs: one line an event, ids bound, readable on a terminal, JSON otherwise. Secrets never pass."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from io import TextIOBase
from typing import Any, Literal, TextIO, cast

import structlog
from pydantic import SecretStr

LogFormat = Literal["auto", "console", "json"]

_SECRET_NAMES = re.compile(r"secret|password|token_value|authorization|signature|api_?key|cookie", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"whsec_[A-Za-z0-9+/=_-]+|toc_[a-z0-9]+_[A-Za-z0-9_-]+|(?<=://)[^/\s?#]+(?=@)")
_HIDDEN = "[hidden]"


def hide_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: fields named like secrets, at any depth, are masked."""
    for name, value in event.items():
        event[name] = _masked(name, value)
    return event


def _masked(name: object, value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _masked(key, part) for key, part in value.items()}
    if isinstance(value, SecretStr) or (value and isinstance(name, str) and _SECRET_NAMES.search(name)):
        return _HIDDEN
    return [_masked(None, part) for part in value] if isinstance(value, list | tuple | set) else value


def hide_secret_text(_logger: object, _method: str, line: str) -> str:
    """The last of all processors."""
    return without_secrets(line)


def without_secrets(text: str) -> str:
    """Webhook keys, tokens and whatever stands before the host of an address are masked."""
    return _SECRET_TEXT.sub(_HIDDEN, text)


def configure_logs(service: str, *, level: str = "info", style: LogFormat = "auto") -> None:
    """Set up structlog and the standard library's logging for this process; everything goes to standard error.

    Args:
        service: named in every line, whichever thread writes it.
        level: debug, info, warning or error.
        style: `auto` is `console` on a terminal and `json` elsewhere.
    """
    as_json = style == "json" or (style == "auto" and not sys.stderr.isatty())
    numeric = logging.getLevelNamesMapping()[level.upper()]
    before: list[Any] = [
        _naming(service),
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer = structlog.processors.JSONRenderer(ensure_ascii=False) if as_json else console_renderer()
    last: list[Any] = [structlog.processors.format_exc_info, hide_secrets, renderer, hide_secret_text]
    structlog.configure(
        processors=[*before, *last],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _StandardError())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(_StandardError())
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[_drop_meta, *last], foreign_pre_chain=before))
    # The libraries' chatter is not ours: only their warnings are worth a line.
    logging.basicConfig(handlers=[handler], level=max(numeric, logging.WARNING), force=True)


def _naming(service: str) -> structlog.typing.Processor:
    def named(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {**event, "service": service}

    return named


def console_renderer() -> structlog.dev.ConsoleRenderer:
    """Tracebacks without the values of variables, which would take seconds and show secrets."""
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


class _StandardError(TextIOBase):
    """Whatever standard error is when a line is written: a cached logger must not outlive the stream it began with."""

    def write(self, text: str, /) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def get_logger() -> structlog.typing.FilteringBoundLogger:
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


_drop_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
