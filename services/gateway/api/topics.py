"""`/v1/topics`, `/v1/backtests`."""

from typing import Annotated, TypeVar

from fastapi import APIRouter, Body, HTTPException, Response

from services.gateway.api.access import needs
from services.gateway.api.paging import Page
from services.gateway.api.problems import RESPONSES
from services.gateway.areas.topics import TopicArea
from services.gateway.views.topics import NewBacktest, Probe, TopicSummary, TopicView
from shared.models.access import Scope
from shared.models.examination import Backtest, Examined

T = TypeVar("T")


def _there(found: T | None, what: str) -> T:
    if found is None:
        raise HTTPException(404, f"there is no {what}")
    return found


def topic_routes(area: TopicArea) -> APIRouter:
    router = APIRouter(tags=["topics"], dependencies=[needs(Scope.READ)])
    router.include_router(_reading(area))
    router.include_router(_asking(area))
    return router


def _reading(area: TopicArea) -> APIRouter:
    router = APIRouter()

    @router.get("/topics", summary="What running classifiers watch, by name")
    async def topics() -> Page[TopicSummary]:
        return Page(items=tuple(await area.every()))

    @router.get("/topics/{name}", summary="A topic with its gazetteer", responses={404: RESPONSES[404]})
    async def topic(name: str) -> TopicView:
        return _there(await area.find(name), f"topic {name}")

    @router.get("/backtests/{backtest_id}", summary="How far a backtest has come", responses={404: RESPONSES[404]})
    async def backtest(backtest_id: str) -> Backtest:
        """It is kept for ten minutes after it has ended."""
        return _there(await area.backtest(backtest_id), f"backtest {backtest_id}, or no more")

    return router


def _asking(area: TopicArea) -> APIRouter:
    router = APIRouter(responses={400: RESPONSES[400]})

    @router.post("/topics/test", summary="Have a text judged")
    async def test(probe: Probe) -> Examined:
        """By a running classifier, as an entry of these words would be: each topic's verdict with its evidence, score
        and claims. Nothing is stored, and nothing rings."""
        return await area.test(probe)

    @router.post(
        "/topics/{name}/backtests", summary="Backtest a topic", status_code=202, responses={404: RESPONSES[404]}
    )
    async def begin(name: str, response: Response, asked: Annotated[NewBacktest | None, Body()] = None) -> Backtest:
        """The pack in force is tried on the entries that are kept: what it finds, and what is new or lost against what
        was made of them when they came. It takes a while, and goes on beside the news."""
        begun = _there(await area.begin_backtest(name, asked or NewBacktest()), f"topic {name}")
        response.headers["Location"] = f"/v1/backtests/{begun.id}"
        return begun

    return router
