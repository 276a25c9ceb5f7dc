"""Group commit: who goes with whom."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.store.together import Together


class Call:
    """Takes things together, slowly: each call waits to be let go. Remembers what went together."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.go = asyncio.Event()

    async def __call__(self, things: Sequence[int]) -> list[int]:
        self.calls.append([*things])
        await self.go.wait()
        if 13 in things:
            raise RuntimeError("unlucky")
        return [10 * thing for thing in things]


async def test_alone_a_thing_goes_at_once_and_what_is_asked_meanwhile_goes_together() -> None:
    call = Call()
    together = Together(call, most=10)
    asked = [asyncio.create_task(together.do(1))]
    await asyncio.sleep(0.01)
    asked += [asyncio.create_task(together.do(thing)) for thing in (2, 3, 4)]
    await asyncio.sleep(0.01)
    call.go.set()
    assert await asyncio.gather(*asked) == [10, 20, 30, 40]
    assert call.calls == [[1], [2, 3, 4]]


async def test_no_more_than_so_many_go_together_and_all_go_in_order() -> None:
    call = Call()
    call.go.set()
    together = Together(call, most=2)
    assert await asyncio.gather(*map(together.do, range(5))) == [0, 10, 20, 30, 40]
    assert call.calls == [[0, 1], [2, 3], [4]]


async def test_a_call_that_fails_is_told_to_all_who_went_with_it_and_to_nobody_else() -> None:
    call = Call()
    call.go.set()
    together = Together(call, most=2)
    answers = await asyncio.gather(*map(together.do, (12, 13, 14)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["unlucky", "unlucky", "140"]
    assert await together.do(1) == 10


async def test_who_is_cancelled_before_his_turn_is_left_out() -> None:
    call = Call()
    together = Together(call, most=10)
    first, second, third = (asyncio.create_task(together.do(thing)) for thing in (1, 2, 3))
    await asyncio.sleep(0.01)
    late, gone = (asyncio.create_task(together.do(thing)) for thing in (4, 5))
    await asyncio.sleep(0.01)
    gone.cancel()
    call.go.set()
    assert await asyncio.gather(*[first, second, third, late]) == [10, 20, 30, 40]
    assert call.calls == [[1, 2, 3], [4]]
    with pytest.raises(asyncio.CancelledError):
        await gone
