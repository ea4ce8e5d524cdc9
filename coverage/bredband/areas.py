"""Build areas: pieces of the build-out that can be put out to tender one at a time.

The trench network is cut into pieces that are no larger than one tender (``area_cut``),
and pieces that are too small are joined with others near by (``area_join``). An area is
connected in this sense: its new trench is one piece, or hangs on one and the same area, or
starts throughout in existing fibre, which is what joins it then although its new trench
does not touch.

What an area hangs on is data: where B's trench begins in A's, ``upstream_area_id`` of B
says A. No area hangs on two others, and none on itself by way of others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError
from bredband_gis.steiner import sum_below

from bredband.area_cut import cut_forest
from bredband.area_join import join_pieces, spread
from bredband.area_names import MANY, NOT_REACHED, name_areas, place_ids
from bredband.cost import REACHED, add_capex, connect, fund
from bredband.display import show
from bredband.forest import hang

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray

    from bredband.area_names import Language
    from bredband.region import Prices

    Ints = NDArray[np.int64]

_COUNTS: Final = ("households", "workplaces", "holiday_homes", "premises")
_TEXTS: Final = ("area_id", "name", "municipality_code", "municipality", "upstream_area_id")
_NUMBERS: Final = ("trench_m", "capex_sek", "own_contribution_sek", "operator_revenue_sek",
                   "gap_sek", "gap_per_household_sek", "spread_m")  # fmt: skip
_ORDER: Final = ("area_id", "name", "reached", "municipality_code", "municipality",
                 "upstream_area_id", *_COUNTS, *_NUMBERS, "below_min")  # fmt: skip


class Areas(NamedTuple):
    """Build areas, and which of them each trench edge and each premises belongs to."""

    areas: pd.DataFrame
    trench: gpd.GeoDataFrame
    reach: pd.DataFrame

    def _repr_html_(self) -> str:
        return show(self)


def build_areas(
    trench: gpd.GeoDataFrame,
    reach: pd.DataFrame,
    status: pd.DataFrame,
    municipalities: pd.DataFrame,
    *,
    min_premises: int,
    max_premises: int,
    merge_m: float,
    prices: Prices,
    split_m: float = np.inf,
    across_municipalities: bool = False,
    localities: gpd.GeoDataFrame | None = None,
    language: Language = "sv",
) -> Areas:
    """Cut the trench network into build areas, cost each and give it an id and a name.

    Parameters
    ----------
    trench : GeoDataFrame
        ``tables.TRENCH`` without ``area_id``: a forest, parents before children.
    reach : DataFrame
        ``tables.REACH``.
    status : DataFrame
        ``tables.STATUS``, for what each premises holds and where it is.
    municipalities : DataFrame
        ``tables.MUNICIPALITIES``, for the names.
    min_premises, max_premises : int
        Unserved buildings that an area should hold, and may hold. A node of the network
        with more stays whole.
    merge_m : float
        Pieces whose trench does not touch are joined up to this distance, m.
    prices : Prices
        ``[prices]`` of region.toml. They cost the areas, and decide nothing about them.
    split_m : float
        A branch whose trench passes nobody for longer than this, m, is an area of its own,
        however small.
    across_municipalities : bool
        Whether an area may hold premises of several municipalities. Where it may not, the
        premises decide: an area's premises lie in one municipality, and trench goes with
        the premises that it is for, wherever it is dug. What hangs beyond a border depends
        on the area before it.
    localities : GeoDataFrame, optional
        Polygons or points with ``locality_name``, in the same CRS, for the names.
    language : {"sv", "en"}
        Of directions in names.

    Returns
    -------
    Areas
        ``areas`` is ``tables_areas.AREAS`` with what is known here, without rank and
        geometry; per municipality one more row, ``reached`` False and without cost,
        holds the premises that no trench reaches. ``trench`` and ``reach`` have the
        column ``area_id`` added. Ids come from the place (``area_names.place_ids``).

    Raises
    ------
    BadValueError
        The sizes contradict each other, or the tables are not of one and the same build-out.
    """
    if not 1 <= min_premises <= max_premises or not merge_m >= 0 or not split_m >= 0:
        msg = (
            f"areas of {min_premises} to {max_premises} premises, joined within {merge_m} m and"
            f" split beyond {split_m} m"
        )
        fix = "give min_premises from 1 up to max_premises, and metres from 0"
        raise BadValueError(msg, where="priority", fix=fix)
    columns = ["premises_id", "x", "y", "households", "workplaces", "holiday_homes",
               "municipality_code", *({"segment"} & set(status))]  # fmt: skip
    held = connect(reach.merge(status[columns], on="premises_id", how="left"), prices)
    if held["municipality_code"].isna().any():
        msg = f"{int(held['municipality_code'].isna().sum())} premises are not in the status table"
        raise BadValueError(msg, where="reach", fix="use the tables of one and the same run")
    # From north to south, so that the order of the rows decides nothing.
    held = held.sort_values(["y", "x", "premises_id"], ascending=[False, True, True])
    is_met = held["reach"].isin(REACHED)
    met = held[is_met].reset_index(drop=True)
    apart = held[~is_met]

    place = np.zeros(len(met), np.int64)
    if not across_municipalities:
        place = pd.factorize(met["municipality_code"], sort=True)[0].astype(np.int64)
    network = _divide(
        trench, met, place,
        least=min_premises, most=max_premises, split_m=split_m, merge_m=merge_m,
    )  # fmt: skip
    met["area"] = network.of_premises
    areas = cost_areas(
        trench, met, prices,
        of_edge=network.of_edge, of_premises=network.of_premises,
        index=pd.RangeIndex(network.hangs_on.size),
    )  # fmt: skip
    areas = areas.assign(reached=True, municipality_code=_municipality(met))
    middle = _middle(met)
    x, y = met["x"].to_numpy(float)[middle], met["y"].to_numpy(float)[middle]
    codes = areas["municipality_code"].to_numpy(dtype=object)
    ids = place_ids(codes, x, y, (areas["households"] >= MANY).to_numpy())
    areas["area_id"] = ids
    areas["upstream_area_id"] = pd.Series(ids[network.hangs_on]).where(network.hangs_on >= 0)
    areas["spread_m"] = spread(
        met["x"].to_numpy(float), met["y"].to_numpy(float), network.of_premises, len(areas)
    )
    areas["below_min"] = areas["premises"] < min_premises
    towns = municipalities.set_index("municipality_code")["municipality_name"]
    areas["municipality"] = areas["municipality_code"].map(towns)
    areas["name"] = name_areas(
        x, y, areas["municipality"].to_numpy(dtype=object),
        localities=localities, municipalities=municipalities, language=language,
    )  # fmt: skip
    lost = _lost(apart, towns, language)
    table = pd.concat([areas, lost], ignore_index=True) if len(lost) else areas
    table = table.astype(
        {
            **dict.fromkeys(_TEXTS, "str"),
            **dict.fromkeys(_COUNTS, "int64"),
            **dict.fromkeys(_NUMBERS, "float64"),
            **dict.fromkeys(("reached", "below_min"), "bool"),
        }
    )
    of_premises = pd.concat(
        [
            pd.Series(ids[network.of_premises], index=met["premises_id"], dtype=object),
            (apart["municipality_code"] + "-0000").set_axis(apart["premises_id"]),
        ]
    )
    of_edge = pd.Series(ids[network.of_edge], index=trench.index, dtype=object)
    return Areas(
        table[list(_ORDER)].sort_values("area_id", ignore_index=True),
        trench.assign(area_id=of_edge).astype({"area_id": str}),
        reach.assign(area_id=of_premises.reindex(reach["premises_id"]).to_numpy()).astype(
            {"area_id": str}
        ),
    )


class _Network(NamedTuple):
    """The area of every edge and premises, and the area that each hangs on, -1 for none."""

    of_edge: Ints
    of_premises: Ints
    hangs_on: Ints


def _divide(
    trench: pd.DataFrame,
    met: pd.DataFrame,
    place: Ints,
    *,
    least: int,
    most: int,
    split_m: float,
    merge_m: float,
) -> _Network:
    """Cut the network and join what is too small; ``place`` numbers the municipalities."""
    hung = hang(trench, met)
    above = hung.edge_above
    reached = np.bincount(above[above >= 0], minlength=len(trench))
    idle = sum_below(hung.tree, reached) == 0
    if idle.any():
        msg = f"{int(idle.sum())} of {idle.size} edges lead to no premises that is reached"
        raise BadValueError(msg, where="trench", fix="use the tables of one and the same run")
    pieces = cut_forest(
        hung.tree.parent, hung.tree.from_node, above, met["node"].to_numpy(dtype=np.int64), place,
        length=trench["length_m"].to_numpy(dtype=np.float64), least=least, most=most, far_m=split_m,
    )  # fmt: skip
    of_piece = np.zeros(pieces.hangs_on.size, np.int64)
    of_piece[pieces.of_premises] = place
    joined = join_pieces(
        met["x"].to_numpy(dtype=np.float64), met["y"].to_numpy(dtype=np.float64),
        pieces.of_premises, pieces.hangs_on, of_piece,
        is_far=pieces.is_far, least=least, most=most, reach_m=merge_m,
    )  # fmt: skip
    return _Network(
        joined.of_piece[pieces.of_edge], joined.of_piece[pieces.of_premises], joined.hangs_on
    )


def cost_areas(
    trench: pd.DataFrame,
    held: pd.DataFrame,
    prices: Prices,
    *,
    of_edge: ArrayLike,
    of_premises: ArrayLike,
    index: pd.Index[Any],
) -> pd.DataFrame:
    """Add up what areas hold, cost and are paid.

    Parameters
    ----------
    trench : DataFrame
        ``tables.TRENCH``.
    held : DataFrame
        Premises that are reached, as ``cost.connect`` gives them, with what each holds.
    prices : Prices
        ``[prices]`` of region.toml.
    of_edge, of_premises : array
        Area of each edge and of each premises.
    index : Index
        The areas.

    Returns
    -------
    DataFrame
        By ``index``: what they hold, ``trench_m``, ``trench_sek``, ``drop_sek``,
        ``connections``, ``lines``, and what ``cost.add_capex`` and ``cost.fund`` add.
    """
    inside = held.groupby(np.asarray(of_premises))
    laid = trench.groupby(np.asarray(of_edge))
    sums = [name for name in _COUNTS if name != "premises"]
    sums += ["drop_sek", "connections", "lines"]
    areas = inside[sums].sum().assign(premises=inside.size())
    dug = laid[["length_m", "cost_sek"]].sum().set_axis(["trench_m", "trench_sek"], axis=1)
    areas = areas.reindex(index).join(dug.reindex(index)).fillna(0)
    areas = add_capex(areas, prices, premises="premises")
    return fund(areas, prices, households="households")


def _municipality(met: pd.DataFrame) -> pd.Series[str]:
    """Give each area the municipality with most of its households."""
    # Of workplaces or premises where it has no households.
    weight = met["households"] + 1e-3 * met["workplaces"] + 1e-6
    shares = weight.groupby([met["area"], met["municipality_code"]]).sum()
    first = shares.sort_values(ascending=False, kind="stable").reset_index()
    code: pd.Series[str] = first.drop_duplicates("area").set_index("area")["municipality_code"]
    return code


def _middle(met: pd.DataFrame) -> Ints:
    """Find the building of each area that lies nearest to their mean point."""
    mean = met.groupby("area")[["x", "y"]].transform("mean")
    distance = np.hypot(met["x"] - mean["x"], met["y"] - mean["y"]).round(3)
    order = np.lexsort((distance, met["area"]))
    area = met["area"].to_numpy()[order]
    return order[np.unique(area, return_index=True)[1]]


def _lost(apart: pd.DataFrame, names: pd.Series[str], language: str) -> pd.DataFrame:
    """Give a row per municipality with premises that no trench reaches."""
    held = apart.groupby("municipality_code")
    lost = held[[name for name in _COUNTS if name != "premises"]].sum()
    lost = lost.assign(premises=held.size()).reset_index()
    municipality = lost["municipality_code"].map(names)
    return lost.assign(
        area_id=lost["municipality_code"] + "-0000",
        municipality=municipality,
        name=municipality + f" ({NOT_REACHED[language]})",
        reached=False,
        below_min=False,
    )
