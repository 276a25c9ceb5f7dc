"""Group commit, as databases have it: what is asked while a call is under way goes together with the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
A = TypeVar("A")


class Together(Generic[T, A]):
    """Does single things through `act`, which does many at once and answers in their order.

    There is no timer: alone, a thing goes at once; the busier `act` is, the more go together, up to `most`. Whoever is
    cancelled before his turn is left out. Belongs to one event loop.
    """

    def __init__(self, act: Callable[[Sequence[T]], Awaitable[Sequence[A]]], most: int) -> None:
        self._act = act
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[A]]] = []
        self._acting: asyncio.Task[None] | None = None

    async def do(self, thing: T) -> A:
        """The answer to this one. Raises what `act` raised for all of those that went together."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((thing, answer))
        if self._acting is None:
            self._acting = asyncio.create_task(self._act_while_asked())
        return await answer

    async def _act_while_asked(self) -> None:
        try:
            while together := self._next():
                await self._answer(together)
        finally:
            self._acting = None

    def _next(self) -> list[tuple[T, asyncio.Future[A]]]:
        asked = [(thing, answer) for thing, answer in self._waiting if not answer.done()]
        self._waiting = asked[self._most :]
        return asked[: self._most]

    async def _answer(self, together: Sequence[tuple[T, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._act([thing for thing, _ in together])
        except Exception as error:  # noqa: BLE001  it is theirs who asked, each of them
            for _, answer in together:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for (_, answer), given in zip(together, answers, strict=True):
                if not answer.done():
                    answer.set_result(given)
