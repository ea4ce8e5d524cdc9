"""Why each premises has its status, in words.

Each wording is made once, for its numbers, and then dealt out to all the premises that
have the same ones: a million premises have a few thousand reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from bredband.columns import dealt
from bredband.plans import CREDIBLE, NO_YEAR, NOT_CREDIBLE, NOT_WIRED, OVERDUE, TOO_LATE
from bredband.tables import TECHNOLOGIES
from bredband.technologies import NO_TECHNOLOGY

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bredband.plans import Promised
    from bredband.region import Definitions

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

BY_TABLE, BY_AREA, BY_POINT = -1, -2, -3
"""Where the fastest wired connection comes from; 0 and more: the cell of that number."""

WORDS: Final = {
    "sv": {
        "connected": "{technology} {speed} Mbit/s enligt {source}",
        "table": "täckningstabellen",
        "areas": "täckningsytorna",
        "points": "operatörens anslutningspunkt i byggnaden",
        "cell": "i ruta {cell} med {technology} {speed} Mbit/s",
        "near_route": "{distance} m från fiberväg",
        "near_building": "{distance} m från fiberansluten byggnad",
        "has_fibre": "fiber finns i byggnaden",
        "planned": "planerad {year}, {speed} Mbit/s",
        "planned_no_year": "planerad, {speed} Mbit/s",
        "unserved": "ingen fast anslutning ≥ {target} Mbit/s",
        "slow": "har {technology} {speed} Mbit/s",
        "wireless": "trådlöst {speed} Mbit/s räknas inte",
        "nearest": "närmaste fiber {distance} m",
        "far": "ingen fiber inom {distance} m",
        "not_credible": "planen är inte trovärdig",
        "overdue": "planen skulle ha varit klar {year}",
        "too_late": "planen är klar först {year}",
        "not_wired": "planen gäller inte fast anslutning",
        "plan_slow": "planen ger bara {speed} Mbit/s",
        "passed_slow": "fiber i närheten ger bara {speed} Mbit/s",
        "fibre": "fiber", "docsis": "kabel-tv", "vdsl": "VDSL", "xdsl": "xDSL", "fwa": "fast radio",
        "5g": "5G", "lte": "4G", "satellite": "satellit",
    },
    "en": {
        "connected": "{technology} {speed} Mbit/s according to {source}",
        "table": "the coverage table",
        "areas": "the coverage areas",
        "points": "the operator's connected point at the building",
        "cell": "in cell {cell} with {technology} {speed} Mbit/s",
        "near_route": "{distance} m from a fibre route",
        "near_building": "{distance} m from a building with fibre",
        "has_fibre": "the building has fibre",
        "planned": "planned {year}, {speed} Mbit/s",
        "planned_no_year": "planned, {speed} Mbit/s",
        "unserved": "no wired connection ≥ {target} Mbit/s",
        "slow": "has {technology} {speed} Mbit/s",
        "wireless": "wireless {speed} Mbit/s does not count",
        "nearest": "nearest fibre {distance} m",
        "far": "no fibre within {distance} m",
        "not_credible": "the plan is not credible",
        "overdue": "the plan was due {year}",
        "too_late": "the plan is due only in {year}",
        "not_wired": "the plan is not for a wired connection",
        "plan_slow": "the plan gives only {speed} Mbit/s",
        "passed_slow": "fibre nearby gives only {speed} Mbit/s",
        "fibre": "fibre", "docsis": "cable", "vdsl": "VDSL", "xdsl": "xDSL", "fwa": "fixed radio",
        "5g": "5G", "lte": "4G", "satellite": "satellite",
    },
}  # fmt: skip


_PLAN_FAULTS: Final = {
    NOT_CREDIBLE: "not_credible",
    NOT_WIRED: "not_wired",
    OVERDUE: "overdue",
    TOO_LATE: "too_late",
}
_NO_METRES: Final = -1


@dataclass(frozen=True)
class Had:
    """What each premises has; arrays of one value per premises.

    Attributes
    ----------
    speed, wireless : array of float64
        Fastest wired and wireless download, Mbit/s; 0 where none.
    rank : array of int64
        Technology of the fastest wired; ``NO_TECHNOLOGY`` where none.
    by : array of int64
        Where that comes from: ``BY_TABLE``, ``BY_AREA``, ``BY_POINT`` or a place in ``cells``.
    has_fibre : array of bool
        Connected by fibre, at whatever speed.
    cells : array of object
        Names of the cells.
    """

    speed: Floats
    wireless: Floats
    rank: Ints
    by: Ints
    has_fibre: Bools
    cells: NDArray[np.object_]


@dataclass(frozen=True)
class Near:
    """How near fibre is.

    Attributes
    ----------
    route_m, building_m : array of float64
        Metres to the nearest route and building with fibre; inf where none within reach.
    passed : array of float64
        Mbit/s that can be ordered for that; 0 where not.
    routes : bool
        Whether there are any routes to be near.
    """

    route_m: Floats
    building_m: Floats
    passed: Floats
    routes: bool


def give_reasons(
    state: Ints,
    had: Had,
    near: Near,
    promised: Promised,
    *,
    definitions: Definitions,
    language: str,
) -> Any:
    """Put into words why each premises has its status.

    Parameters
    ----------
    state : array of int64
        Status as its place in ``tables.STATUSES``.
    had, near, promised : Had, Near, Promised
        What the status comes from.
    definitions : Definitions
        For the target speed and the search distance.
    language : {"sv", "en"}
        Language of the words. Distances are rounded up to whole metres, speeds down.

    Returns
    -------
    pandas array of str
    """
    words = WORDS[language]
    target = definitions.target_speed_mbit
    sources = {BY_TABLE: "table", BY_AREA: "areas", BY_POINT: "points"}

    def connected(*, rank: int, mbit: int, by: int) -> str:
        technology = words[TECHNOLOGIES[rank]]
        if by >= 0:
            cell = had.cells[by]
            return words["cell"].format(cell=cell, technology=technology, speed=mbit)
        source = words[sources[by]]
        return words["connected"].format(technology=technology, speed=mbit, source=source)

    def passed(*, has_fibre: int, by_route: int, metres: int) -> str:
        if has_fibre:
            return words["has_fibre"]
        return words["near_route" if by_route else "near_building"].format(distance=metres)

    def promise(*, due: int, mbit_due: int) -> str:
        kind = "planned_no_year" if due == NO_YEAR else "planned"
        return words[kind].format(year=due, speed=mbit_due)

    def nothing(
        *, rank: int, mbit: int, air: int, metres: int, slow: int, fault: int, due: int,
        mbit_due: int,
    ) -> str:  # fmt: skip
        parts = [words["unserved"].format(target=target)]
        if rank < NO_TECHNOLOGY:
            parts.append(words["slow"].format(technology=words[TECHNOLOGIES[rank]], speed=mbit))
        if air:
            parts.append(words["wireless"].format(speed=air))
        if slow:
            parts.append(words["passed_slow"].format(speed=definitions.passed_speed_mbit))
        elif metres != _NO_METRES:
            parts.append(words["nearest"].format(distance=metres))
        elif near.routes:
            parts.append(words["far"].format(distance=f"{definitions.search_m:.0f}"))
        if fault in _PLAN_FAULTS:
            parts.append(words[_PLAN_FAULTS[fault]].format(year=due))
        elif fault == CREDIBLE:
            parts.append(words["plan_slow"].format(speed=mbit_due))
        return "; ".join(parts)

    def has(rows: Ints) -> dict[str, NDArray[Any]]:
        return {"rank": had.rank[rows], "mbit": _whole(had.speed[rows])}

    def plan(rows: Ints) -> dict[str, NDArray[Any]]:
        return {"due": promised.due[rows], "mbit_due": _whole(promised.speed[rows])}

    def passing(rows: Ints) -> dict[str, NDArray[Any]]:
        route, building = near.route_m[rows], near.building_m[rows]
        metres = np.where(
            route <= building, _metres(route, definitions.search_m), _metres(building, np.inf)
        )
        return {
            "has_fibre": had.has_fibre[rows], "by_route": route <= building, "metres": metres
        }  # fmt: skip

    def lacking(rows: Ints) -> dict[str, NDArray[Any]]:
        wireless = _whole(had.wireless[rows])
        return {
            **has(rows),
            # Wireless below the target would change nothing if it counted.
            "air": np.where(wireless >= target, wireless, 0),
            "metres": _metres(near.route_m[rows], definitions.search_m),
            "slow": near.passed[rows] > 0,
            "fault": promised.fault[rows],
            **plan(rows),
        }

    wordings: list[tuple[Callable[..., str], Callable[[Ints], dict[str, NDArray[Any]]]]] = [
        (connected, lambda rows: {**has(rows), "by": had.by[rows]}),
        (passed, passing),
        (promise, plan),
        (nothing, lacking),
    ]
    code = np.zeros(len(state), dtype=np.int32)
    texts: list[str] = []
    for number, (make, columns_of) in enumerate(wordings):
        rows = np.flatnonzero(state == number)
        if len(rows):
            columns = columns_of(rows)
            numbers = {k: values.astype(np.int64, copy=False) for k, values in columns.items()}
            kind, said = _worded(numbers, make)
            code[rows] = kind + len(texts)
            texts += said
    return dealt(code, texts)


def _worded(numbers: dict[str, Ints], make: Callable[..., str]) -> tuple[Ints, list[str]]:
    """Make a wording for each combination of numbers; give its place for each row."""
    kind = np.zeros(len(next(iter(numbers.values()))), dtype=np.int64)
    for values in numbers.values():
        low, high = values.min(), values.max()
        if low == high:
            continue
        # Two columns as one number; what it stands for is counted anew each time, so that
        # it never grows beyond rows x span.
        kind = pd.factorize(kind * (high - low + 1) + (values - low))[0].astype(np.int64)
    first = np.zeros(int(kind.max()) + 1, dtype=np.int64)
    first[kind[::-1]] = np.arange(len(kind))[::-1]
    rows = zip(*(values[first].tolist() for values in numbers.values()), strict=True)
    return kind, [make(**dict(zip(numbers, row, strict=True))) for row in rows]


def _metres(distance: Floats, limit: float) -> Ints:
    """Round up to whole metres, so that what is too far does not read as near enough."""
    known = np.isfinite(distance) & (distance <= limit)
    up = np.ceil(np.where(known, distance, 0) - 1e-6).astype(np.int64)
    return np.where(known, up, _NO_METRES)


def _whole(speed: Floats) -> Ints:
    """Round down, so that 99.6 Mbit/s does not read as 100."""
    return np.floor(speed).astype(np.int64)
