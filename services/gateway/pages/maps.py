"""A small map of the places that a story names: a grid of degrees, the places, and what lies around them (pure)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, cos, floor, hypot, radians

from shared.models.pack import Place

WIDTH, HEIGHT = 320.0, 208.0
_MARGIN = 14.0
_LEAST_DEGREES = 3.4  # of latitude: a single village is shown in its region
_AROUND = 1.5  # how much wider than the places themselves
_STEPS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
_MOST_LINES = 5
_CHARACTER, _LINE = 6.4, 13.0  # of a label, in units of the drawing
_MOST_AROUND = 8
_APART = 34.0  # of what lies around, so that no cluster of villages fills the map

Position = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on the drawing, its label's corner and anchor. `weight`: how often it is named, from 0 to 1."""

    x: float
    y: float
    title: str
    label_x: float
    label_y: float
    anchor: str
    weight: float = 0.0
    named: bool = True

    @property
    def radius(self) -> float:
        return round(3.5 + 4 * self.weight, 1) if self.named else 1.6


@dataclass(frozen=True, slots=True)
class Line:
    """Of the grid: `at` is x of a meridian, y of a parallel."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Map:
    told: str
    meridians: tuple[Line, ...]
    parallels: tuple[Line, ...]
    named: tuple[Spot, ...]
    around: tuple[Spot, ...]
    width: float = WIDTH
    height: float = HEIGHT


@dataclass(frozen=True, slots=True)
class Frame:
    """An equirectangular projection, true to scale along its middle parallel."""

    north: float
    west: float
    per_degree: float  # of latitude
    narrowing: float  # of a degree of longitude

    def point(self, at: Position) -> tuple[float, float]:
        x = (at[1] - self.west) * self.narrowing * self.per_degree
        return round(x, 1), round((self.north - at[0]) * self.per_degree, 1)

    @property
    def south(self) -> float:
        return self.north - HEIGHT / self.per_degree

    @property
    def east(self) -> float:
        return self.west + WIDTH / (self.per_degree * self.narrowing)


def drawn(named: Mapping[str, int], places: Mapping[str, Place]) -> Map | None:
    """`named`: place → how often. None if nobody knows where any of them lies."""
    counts: dict[str, int] = {}
    for place, many in named.items():
        if known := _placed(place, places):
            counts[known] = counts.get(known, 0) + many
    positions = {place: at for place in counts if (at := places[place].at)}
    if not positions:
        return None
    frame = _frame(list(positions.values()))
    taken: list[Box] = []
    most = max(counts.values())
    ranked = sorted(positions, key=lambda place: (-counts[place], place))
    spots = [_spot(frame, places[place], taken, counts[place] / most) for place in ranked]
    return Map(
        told=_told(spots),
        meridians=tuple(_meridians(frame)),
        parallels=tuple(_parallels(frame)),
        named=tuple(spot for spot in spots if spot),
        around=tuple(_around(frame, {name: places[name] for name in places if name not in positions}, taken)),
    )


def _placed(place: str, places: Mapping[str, Place]) -> str | None:
    """Itself, or the region around it that has a position."""
    met = set[str]()
    name: str | None = place
    while name and name in places and name not in met:
        if places[name].at:
            return name
        met.add(name)
        name = places[name].within
    return None


def _told(spots: Iterable["Spot | None"]) -> str:
    return "Named: " + ", ".join(spot.title for spot in spots if spot)


def _frame(positions: Sequence[Position]) -> Frame:
    """Around all of them, in the drawing's proportions."""
    souths, wests = [at[0] for at in positions], [at[1] for at in positions]
    middle = ((min(souths) + max(souths)) / 2, (min(wests) + max(wests)) / 2)
    narrowing = max(cos(radians(middle[0])), 0.2)
    tall = max((max(souths) - min(souths)) * _AROUND, _LEAST_DEGREES)
    wide = (max(wests) - min(wests)) * narrowing * _AROUND
    per_degree = min((HEIGHT - 2 * _MARGIN) / tall, (WIDTH - 2 * _MARGIN) / wide if wide else HEIGHT)
    return Frame(
        north=middle[0] + HEIGHT / per_degree / 2,
        west=middle[1] - WIDTH / (per_degree * narrowing) / 2,
        per_degree=per_degree,
        narrowing=narrowing,
    )


def _meridians(frame: Frame) -> Iterator[Line]:
    for degrees in _ticks(frame.west, frame.east):
        x, _ = frame.point((0.0, degrees))
        yield Line(x, _degrees(degrees, "E", "W"))


def _parallels(frame: Frame) -> Iterator[Line]:
    for degrees in _ticks(frame.south, frame.north):
        _, y = frame.point((degrees, 0.0))
        yield Line(y, _degrees(degrees, "N", "S"))


def _ticks(low: float, high: float) -> Iterator[float]:
    step = next((step for step in _STEPS if (high - low) / step <= _MOST_LINES), _STEPS[-1])
    yield from (step * number for number in range(ceil(low / step), floor(high / step) + 1))


def _degrees(value: float, above: str, below: str) -> str:
    return f"{abs(value):g}°{above if value > 0 else below if value < 0 else ''}"


# Labels that do not stand on each other: left, top, right, bottom.
Box = tuple[float, float, float, float]


def _spot(frame: Frame, place: Place, taken: list[Box], weight: float) -> Spot | None:
    """Always shown; its label stands where most room is."""
    return _labelled(frame, place, taken, weight, named=True, must=True)


def _around(frame: Frame, places: Mapping[str, Place], taken: list[Box]) -> Iterator[Spot]:
    """What lies in the frame and has room for its label: the capitals of regions first, regions themselves never."""
    regions = {place.within for place in places.values()}
    towns = {name: place for name, place in places.items() if name not in regions and place.at}
    shown: list[Spot] = []
    for name in sorted(towns, key=lambda name: (not name.endswith("-city"), towns[name].within is not None)):
        if len(shown) < _MOST_AROUND and _has_room(frame, towns[name], shown):
            spot = _labelled(frame, towns[name], taken, 0.0, named=False, must=False)
            shown += [spot] if spot else []
    yield from shown


def _has_room(frame: Frame, place: Place, shown: Iterable[Spot]) -> bool:
    x, y = frame.point(place.at) if place.at and _shows(frame, place.at) else (-1.0, -1.0)
    return x >= 0 and all(hypot(spot.x - x, spot.y - y) >= _APART for spot in shown)


def _shows(frame: Frame, at: Position) -> bool:
    x, y = frame.point(at)
    return _MARGIN < x < WIDTH - _MARGIN and _MARGIN < y < HEIGHT - 2 * _MARGIN


def _labelled(frame: Frame, place: Place, taken: list[Box], weight: float, *, named: bool, must: bool) -> Spot | None:
    if place.at is None:
        return None
    x, y = frame.point(place.at)
    dot = (x - 4, y - 4, x + 4, y + 4)
    options = [Spot(x, y, place.title, *where, weight, named) for where in _sides(x, y)]
    free = [spot for spot in options if _is_free(_box(spot), taken) and _is_free(dot, taken)]
    if not free and not must:
        return None
    chosen = (free or options)[0]
    taken += [_box(chosen), dot]
    return chosen


def _sides(x: float, y: float) -> tuple[tuple[float, float, str], ...]:
    return (x + 9, y + 4, "start"), (x - 9, y + 4, "end"), (x, y - 9, "middle"), (x, y + 18, "middle")


def _box(spot: Spot) -> Box:
    long = len(spot.title) * _CHARACTER
    left = spot.label_x - {"start": 0.0, "middle": long / 2, "end": long}[spot.anchor]
    return left, spot.label_y - _LINE + 3, left + long, spot.label_y + 3


def _is_free(box: Box, taken: Iterable[Box]) -> bool:
    left, top, right, bottom = box
    inside = left >= 2 and right <= WIDTH - 2 and top >= 2 and bottom <= HEIGHT - _MARGIN
    return inside and all(right <= a or c <= left or bottom <= b or d <= top for a, b, c, d in taken)
