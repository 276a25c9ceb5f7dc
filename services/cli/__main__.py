"""The `tocsin` command."""

import sys
from io import TextIOWrapper

from services.cli.cli import app
from shared.errors import TocsinError


def main() -> int:
    """Run the command that `sys.argv` names; returns the exit code (`services.cli.cli.EXIT_CODES`)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Hangul shows question marks, not a traceback
    try:
        app(prog_name="tocsin")
    except TocsinError as error:
        from shared.runtime.process import complain  # noqa: PLC0415  only who fails pays for loading it

        return complain(error)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
