"""Where the places of the gazetteers lie: on the ground that their topic is about, near the region that they name."""

from math import cos, hypot, radians
from pathlib import Path

import pytest

from services.classifier.packs import load_pack
from shared.models.pack import Place, TopicPack

ROOT = Path(__file__).parents[2]
PACKS = [load_pack(home) for home in sorted((ROOT / "seeds/topics").iterdir())]
KILOMETRES_A_DEGREE = 111.2
# What is no place on a map by itself; and villages of which nobody has said where they are: their region is shown.
NOWHERE = {"far-east", "siberia", "vorozhba", "maryino", "bogdanovka", "loknya", "obukhovka", "loknia"}
# South, west, north, east of all that a topic names.
GROUNDS = {"dprk-kursk": (37.0, 24.0, 56.0, 137.0), "undersea-cables": (15.0, -9.0, 63.0, 122.0)}
# The Baltic and its shores lie further apart than a region of a country.
WIDEST = {"dprk-kursk": 1200.0, "undersea-cables": 1700.0}

packs = pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)


def kilometres(here: Place, there: Place) -> float:
    assert here.at
    assert there.at
    (north, east), (other_north, other_east) = here.at, there.at
    across = (east - other_east) * cos(radians((north + other_north) / 2))
    return KILOMETRES_A_DEGREE * hypot(north - other_north, across)


@packs
def test_every_place_that_has_a_position_names_it(pack: TopicPack) -> None:
    assert {name for name, place in pack.places.items() if place.at is None} - NOWHERE == set()


@packs
def test_every_place_lies_on_the_ground_of_its_topic(pack: TopicPack) -> None:
    south, west, north, east = GROUNDS[pack.name]
    for name, place in pack.places.items():
        if place.at:
            assert south <= place.at[0] <= north, name
            assert west <= place.at[1] <= east, name


@packs
def test_a_place_lies_near_the_region_that_it_belongs_to(pack: TopicPack) -> None:
    for name, place in pack.places.items():
        region = pack.places[place.within] if place.within else None
        if place.at and region and region.at:
            assert kilometres(place, region) < WIDEST[pack.name], name


def test_the_villages_around_sudzha_lie_around_sudzha() -> None:
    places = next(pack for pack in PACKS if pack.name == "dprk-kursk").places
    around = [place for place in places.values() if place.within == "kursk" and place.at]
    near = [place for place in around if kilometres(place, places["sudzha"]) < 75]
    assert len(near) >= len(around) - 1  # all but the capital of the region
