"""Sign requests, and have two verifiers that are none of ours judge them: `standardwebhooks` of PyPI and of npm.

    python -m tests.acceptance.verifiers

Those of a run with two rotations of the key both must accept, whichever of the keys in force the receiver holds; and
one of each kind of bad ones both must refuse. Exit code 1 if not; 2 if npm's package cannot be had. It is installed
into a directory that is thrown away.
"""

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from services.notifier.sign import SECRET_PREFIX, signed_headers
from tests.acceptance.verify import Captured, Report, Unavailable, verify_all
from tests.factories import NOON

HOUR = 3600.0
TOLERANCE_SECONDS = 5 * 60
SECRETS = {
    name: SECRET_PREFIX + base64.b64encode(f"the {name} secret of the run".encode()).decode()
    for name in ("first", "second", "third")
}
START = NOON.timestamp()
BODY = json.dumps(
    {"type": "story.alert.updated", "data": {"revision": 3, "title": "Втрати: 4 000 🎖 북한군"}}, ensure_ascii=False
).encode()


def signed(number: int, at: float, signing: Sequence[str], held: str) -> Captured:
    """`signing`: names of secrets, the current one first."""
    headers = signed_headers([SECRETS[name] for name in signing], f"msg_{number}", int(at), BODY)
    return Captured(headers, BODY, at, held)


def rotated() -> list[Captured]:
    """Eight days, each hour a request. The key is rotated on the third day and on the sixth; for 24 hours both sign,
    and there is one receiver that has changed its secret, and one that has not."""
    names = tuple(SECRETS)
    found: list[Captured] = []
    for hour in range(8 * 24):
        turn, since = (0, hour) if hour < 48 else (1, hour - 48) if hour < 120 else (2, hour - 120)
        signing = names[turn - 1 : turn + 1][::-1] if turn and since < 24 else names[turn : turn + 1]
        found += [signed(hour, START + hour * HOUR, signing, held) for held in signing]
    return found


def spoilt() -> dict[str, Captured]:
    """One of each kind that nobody may accept."""
    good = signed(1, START, ["second"], "second")
    signature = good.headers["webhook-signature"]

    def but(**over: str) -> Captured:
        return replace(good, headers={**good.headers} | {f"webhook-{name}": value for name, value in over.items()})

    def without(name: str) -> Captured:
        return replace(good, headers={key: value for key, value in good.headers.items() if key != name})

    return {
        "body changed": replace(good, body=BODY.replace(b"3", b"4")),
        "body with a blank more": replace(good, body=BODY + b" "),
        "body gone": replace(good, body=b""),
        "body in another encoding": replace(good, body=BODY.decode().encode("utf-16")),
        "another key": replace(good, secret="third"),
        "the key before, its day over": replace(good, secret="first"),
        "id changed": but(id="msg_2"),
        "time changed": but(timestamp=str(int(START) + 1)),
        "time that is none": but(timestamp="today"),
        "too old": replace(good, at=START + TOLERANCE_SECONDS + 1),
        "from the future": replace(good, at=START - TOLERANCE_SECONDS - 1),
        "another message's signature": but(
            signature=signed(2, START, ["second"], "second").headers["webhook-signature"]
        ),
        "signature of another version": but(signature=signature.replace("v1,", "v1a,")),
        "signature cut": but(signature=signature[:-8]),
        "signature without its version": but(signature=signature.removeprefix("v1,")),
        "signature in hexadecimal": but(signature="v1," + base64.b64decode(signature.removeprefix("v1,")).hex()),
        "signature empty": but(signature=""),
    } | {f"without {name}": without(name) for name in good.headers}


async def each(captured: Sequence[Captured]) -> AsyncIterator[Captured]:
    for one in captured:
        yield one


async def tried() -> bool:
    good, bad = rotated(), spoilt()
    report = await verify_all(each([*good, *bad.values()]), SECRETS)
    accepted = Report(report.verdicts[: len(good)])
    print(f"two rotations: {accepted}")
    verdicts = dict(zip(bad, report.verdicts[len(good) :], strict=True))
    for name, verdict in verdicts.items():
        print(f"{'refused' if verdict.refused else 'NOT REFUSED':12} {name}: {verdict.python} / {verdict.node}")
    return not accepted.not_accepted and all(verdict.refused for verdict in verdicts.values())


def main() -> int:
    try:
        return 0 if asyncio.run(tried()) else 1
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
