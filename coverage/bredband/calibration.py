"""The distance at which our share near fibre is the published one.

PTS publishes the share that has fibre or is near it, but no distance (domain 1.2). The one
that fits is found by least squares over the municipalities:

    J(d) = sum over municipalities m of H_m x r_m(d)^2,   r_m(d) = s_m(d) - p_m

with H_m our households, p_m the published share, and s_m(d) our share of households that
have fibre or lie within d metres of it. Where only a bound is published, r_m is 0 inside it.
J changes only at the distances that premises have, so that evaluating it at each of them
gives the exact minimum: nothing is sampled. How well the distance holds elsewhere is told by
leaving each municipality out in turn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError, EmptyLayerError
from bredband_gis.quality import Finding

from bredband.display import show
from bredband.figures import area_key
from bredband.inputs import fibre_distance
from bredband.published import nearest_year
from bredband.tables import CALIBRATION, TOTAL, check_table
from bredband.text import words

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from bredband.inputs import Inputs
    from bredband.region import Region
    from bredband.text import Words

    Floats = NDArray[np.float64]

_LAYER: Final = "calibration"

POOR_FIT_POINTS: Final = 5.0
"""A held-out misfit above this many points (root of the mean square) is told: the distance then
says little. Published gaps between connected and passed are 5-15 points (D); 5 is chosen (U)."""

FEWEST: Final = 3
"""With fewer municipalities none is held out: what is left would be one or none."""

ROUNDING_M: Final = 1e-6
"""Distances are compared with this slack, as when premises are judged by ``proximity_m``."""

_ROUNDING_SHARE: Final = 0.0005
"""Published shares have at most this rounding (0.1 %), where one is told to be impossible."""


@dataclass(frozen=True)
class Misfit:
    """How far our shares are from the published ones, weighted by households.

    Attributes
    ----------
    rmse_points : float
        sqrt(sum H r^2 / sum H), percentage points.
    mae_points : float
        sum H abs(r) / sum H, percentage points.
    """

    rmse_points: float
    mae_points: float


@dataclass(frozen=True)
class Calibration:
    """What :func:`calibrate` found.

    Attributes
    ----------
    table : DataFrame
        ``tables.CALIBRATION``.
    distance_m : float
        The distance to write: a round number that gives the best shares.
    from_m, until_m : float
        Every distance from ``from_m`` up to but not with ``until_m`` gives the same shares;
        ``until_m`` is the largest distance tried where no premises lies beyond.
    misfit, present : Misfit
        At that distance, and at the region's present one.
    held_out : Misfit or None
        Each municipality at the distance found without it; None where fewer than three.
    present_m, max_m : float
        The region's present distance, and the largest tried.
    tried : int
        Distances at which some share changes.
    findings : tuple of Finding
        What makes the result doubtful.
    """

    table: pd.DataFrame
    distance_m: float
    from_m: float
    until_m: float
    misfit: Misfit
    present: Misfit
    held_out: Misfit | None
    present_m: float
    max_m: float
    tried: int
    findings: tuple[Finding, ...]

    def _repr_html_(self) -> str:
        return show(self)


def calibrate(
    distance_m: ArrayLike,
    households: ArrayLike,
    municipality_code: ArrayLike,
    published: pd.DataFrame,
    *,
    present_m: float,
    max_m: float = 1000.0,
    language: str = "sv",
) -> Calibration:
    """Find the distance at which the share near fibre is the published one.

    Parameters
    ----------
    distance_m : array of float
        Per premises, metres to existing fibre: 0 where it has fibre, inf where far.
    households : array of int
        Per premises.
    municipality_code : array of str
        Per premises.
    published : DataFrame
        ``municipality_code``, ``share`` (0-1), and ``municipality_name`` and ``bound``
        (=, > or <) where it has them: one row per municipality.
    present_m : float
        The distance in use, to tell how much better the new one is.
    max_m : float, optional
        No distance beyond this is tried.
    language : {"sv", "en"}, optional
        Language of the findings.

    Returns
    -------
    Calibration

    Raises
    ------
    BadValueError
        A negative distance or household, a municipality twice, a share outside 0-1.
    EmptyLayerError
        No municipality has both households and a published share.
    """
    premises = _premises(distance_m, households, municipality_code)
    target = _target(published, premises)
    steps = _Steps.of(premises, target, max_m)
    cost = steps.cost()
    best = _lowest(cost)
    low, high = steps.span(best)
    distance = _round_within(low, high)
    residual = steps.shares(best) - target["share"].to_numpy()
    now = _shares_at(premises, target, present_m) - target["share"].to_numpy()
    table = pd.DataFrame(
        {
            "municipality_code": target.index.to_numpy(),
            "municipality_name": target["municipality_name"].to_numpy(),
            "households": target["households"].to_numpy(np.int64),
            "published_share": target["share"].to_numpy(),
            "fibre_share": steps.shares(0),
            "far_share": steps.shares(len(steps.at) - 1),
            "share": steps.shares(best),
            "points": 100 * residual,
            "present_points": 100 * now,
            "held_out_m": np.nan,
            "held_out_points": np.nan,
        }
    )
    held_out = None
    if len(target) >= FEWEST:
        found = np.array([_lowest(steps.cost(without=m)) for m in range(len(target))])
        table["held_out_m"] = [_round_within(*steps.span(one)) for one in found]
        apart = steps.shares_each(found) - target["share"].to_numpy()
        table["held_out_points"] = 100 * apart
        held_out = steps.misfit(apart)
    types = {name: str(column.dtype) for name, column in CALIBRATION.columns.items()}
    table = table.astype(types).sort_values("municipality_code", ignore_index=True)
    check_table(table, CALIBRATION, where="calibration")
    return Calibration(
        table=table,
        distance_m=distance,
        from_m=low,
        until_m=high if np.isfinite(high) else max_m,
        misfit=steps.misfit(residual),
        present=steps.misfit(now),
        held_out=held_out,
        present_m=present_m,
        max_m=max_m,
        tried=len(steps.at),
        findings=tuple(_doubts(table, steps, best, target, published, premises, language=language)),
    )


def near_fibre_shares(
    published: pd.DataFrame,
    municipalities: pd.DataFrame,
    *,
    year: int,
    base: str = "households",
    language: str = "sv",
) -> tuple[pd.DataFrame, list[Finding]]:
    """Take from published figures the shares near fibre of the region's municipalities.

    Parameters
    ----------
    published : DataFrame
        ``tables.PUBLISHED``.
    municipalities : DataFrame
        ``tables.MUNICIPALITIES``, for the codes of figures that have names only.
    year : int
        Year of the region's data; the nearest published is taken where there is none.
    base : {"households"}, optional
        What the shares are of.
    language : {"sv", "en"}, optional
        Language of the findings.

    Returns
    -------
    shares : DataFrame
        ``municipality_code``, ``municipality_name``, ``share``, ``bound``, ``year``.
    findings : list of Finding
        Another year than the region's.

    Raises
    ------
    EmptyLayerError
        None of the figures is a share near fibre; the message says what they are.
    """
    fits = published[
        (published["access"] == "near_fibre")
        & (published["area_kind"] == "municipality")
        & (published["segment"] == TOTAL)
        & (published["base"] == base)
    ]
    if fits.empty:
        kinds = published["access"].where(published["measure"] == "access", published["measure"])
        msg = (
            f"no share of {base} near fibre of whole municipalities; the figures are:"
            f" {', '.join(sorted(set(kinds))) or 'none'}. A share with 1 Gbit/s or in its vicinity"
            " counts cable TV too, and one of those connected says nothing of a distance"
        )
        fix = "give PTS's annex on teknik, or a CSV with municipality_code, share"
        raise EmptyLayerError(msg, where=", ".join(sorted(set(published["file"]))), fix=fix)
    known = pd.Series(
        municipalities["municipality_code"].to_numpy(),
        index=area_key(municipalities["municipality_name"]).to_numpy(),
    )
    by_name = area_key(fits["area_name"]).map(known[~known.index.duplicated()])
    code = fits["area_code"].where(fits["area_code"].notna(), by_name)
    fits = fits.assign(municipality_code=code, municipality_name=fits["area_name"])
    fits = fits[fits["municipality_code"].isin(municipalities["municipality_code"])]
    if fits.empty:
        msg = "the shares near fibre are of none of the region's municipalities"
        raise EmptyLayerError(msg, where=", ".join(sorted(set(published["file"]))),
                              fix="give a file of the region")  # fmt: skip
    fits = nearest_year(fits, year, ["file"])
    names = municipalities.set_index("municipality_code")["municipality_name"]
    fits["municipality_name"] = fits["municipality_code"].map(names)
    findings = []
    if (fits["year"] != year).any():
        years = ", ".join(str(y) for y in sorted(set(fits["year"])))
        said = words(language, plain=True)
        findings.append(_finding(said, "year-differs", len(fits), theirs=years, ours=year))
    columns = ["municipality_code", "municipality_name", "share", "bound", "year"]
    return fits[columns].drop_duplicates(ignore_index=True), findings


def calibrate_region(
    region: Region,
    inputs: Inputs,
    published: pd.DataFrame,
    *,
    max_m: float = 1000.0,
    language: str | None = None,
) -> Calibration:
    """Find the distance for a region, its files read.

    Parameters
    ----------
    region : Region
        Whose year and present ``proximity_m`` are used.
    inputs : Inputs
        What :func:`bredband.inputs.read_inputs` gives.
    published : DataFrame
        ``tables.PUBLISHED``.
    max_m : float, optional
        No distance beyond this is tried.
    language : {"sv", "en"}, optional
        Language of the findings; default the region's.

    Returns
    -------
    Calibration

    Raises
    ------
    EmptyLayerError
        No share near fibre of the region's municipalities is published.
    BadValueError
        More than one is, for the same municipality.
    """
    language = language or region.region.language
    said = words(language, plain=True)
    shares, findings = near_fibre_shares(
        published, inputs.municipalities, year=region.region.year, language=language
    )
    present = region.definitions.proximity_m
    found = calibrate(
        fibre_distance(region, inputs, max(max_m, present)).to_numpy(),
        inputs.premises["households"].to_numpy(),
        inputs.premises["municipality_code"].to_numpy(),
        shares,
        present_m=present,
        max_m=max_m,
        language=language,
    )
    marks = inputs.provenance()
    made_up = [
        f"{said.layer.get(layer, layer)}: {said.provenance[marks[layer]]}"
        for layer in ("premises", "fibre", "coverage", "connected")
        if marks.get(layer, "real") != "real"
    ]
    if made_up:
        findings.append(_finding(said, "not-real", 0, layers=", ".join(made_up)))
    return replace(found, findings=(*findings, *found.findings))


@dataclass(frozen=True)
class _Steps:
    """Our shares as functions of the distance: constant between the distances of premises.

    ``at`` holds the distances, 0 first. Row n of ``step``, ``town`` and ``added`` says that
    at ``at[step[n]]`` municipality ``town[n]`` gains ``added[n]`` households; sorted by step,
    at most one row per step and municipality.
    """

    at: Floats
    step: NDArray[np.int64]
    town: NDArray[np.int64]
    added: NDArray[np.int64]
    households: Floats
    target: Floats
    bound: NDArray[np.str_]
    max_m: float

    @classmethod
    def of(cls, premises: pd.DataFrame, target: pd.DataFrame, max_m: float) -> _Steps:
        town = target.index.get_indexer(pd.Index(premises["municipality_code"]))
        keep = (
            (town >= 0)
            & (premises["households"].to_numpy() > 0)
            & (premises["distance_m"].to_numpy() <= max_m + ROUNDING_M)
        )
        distance = premises["distance_m"].to_numpy()[keep]
        at, step = np.unique(np.append(distance, 0.0), return_inverse=True)
        codes = step[:-1].astype(np.int64) * len(target) + town[keep]
        cell, which = np.unique(codes, return_inverse=True)
        added = np.bincount(which, premises["households"].to_numpy()[keep], len(cell))
        return cls(
            at=at,
            step=cell // len(target),
            town=cell % len(target),
            added=added.astype(np.int64),
            households=target["households"].to_numpy(float),
            target=target["share"].to_numpy(float),
            bound=target["bound"].to_numpy(str),
            max_m=max_m,
        )

    def cost(self, *, without: int | None = None) -> Floats:
        """Give J at each distance, all municipalities counted or one of them left out."""
        change, first = self.change, self.first
        if without is not None:  # left out of the sums: what is published for it is not touched
            change = np.where(self.town == without, 0.0, change)
            first = np.delete(first, without)
        gained = np.bincount(self.step, change, len(self.at))
        return np.asarray(first.sum() + np.cumsum(gained), dtype=np.float64)

    @cached_property
    def first(self) -> Floats:
        """Each municipality's term of J before anybody is near."""
        none = np.zeros(len(self.target), np.int64)
        return self._terms(none, np.arange(len(self.target)))

    @cached_property
    def change(self) -> Floats:
        """What each row adds to its municipality's term of J."""
        order = np.argsort(self.town, kind="stable")  # by municipality, and there by distance
        town, added = self.town[order], self.added[order]
        summed = np.cumsum(added)
        starts = np.searchsorted(town, np.arange(len(self.target)))
        after = summed - np.concatenate([[0], summed])[starts][town]
        change = np.empty(len(order))
        change[order] = self._terms(after, town) - self._terms(after - added, town)
        return change

    def _terms(self, served: NDArray[np.int64], town: NDArray[np.int64]) -> Floats:
        held = self.households[town]
        apart = _outside(served / held - self.target[town], self.bound[town])
        return np.asarray(held * apart**2, dtype=np.float64)

    def shares(self, step: int) -> Floats:
        """Give every municipality's share at one of the distances."""
        near = self.step <= step
        served = np.bincount(self.town[near], self.added[near], len(self.target))
        return np.asarray(served / self.households, dtype=np.float64)

    def shares_each(self, steps: NDArray[np.int64]) -> Floats:
        """Give each municipality's share at a distance of its own."""
        near = self.step <= steps[self.town]
        served = np.bincount(self.town[near], self.added[near], len(self.target))
        return np.asarray(served / self.households, dtype=np.float64)

    def span(self, step: int) -> tuple[float, float]:
        """Give the distances between which the shares are those of a step; inf at the end."""
        last = step + 1 == len(self.at)
        return float(self.at[step]), np.inf if last else float(self.at[step + 1])

    def misfit(self, apart: Floats) -> Misfit:
        """Sum up residuals (shares), those inside a bound as none."""
        outside = _outside(apart, self.bound)
        whole = self.households.sum()
        return Misfit(
            100 * float(np.sqrt((self.households * outside**2).sum() / whole)),
            100 * float((self.households * np.abs(outside)).sum() / whole),
        )


def _shares_at(premises: pd.DataFrame, target: pd.DataFrame, distance: float) -> Floats:
    near = premises[premises["distance_m"] <= distance + ROUNDING_M]
    served = near.groupby("municipality_code")["households"].sum().reindex(target.index)
    return (served.fillna(0) / target["households"]).to_numpy(float)


def _outside(apart: Floats, bound: NDArray[np.str_]) -> Floats:
    """Give residuals, 0 where ours is inside a published bound."""
    inside = ((bound == ">") & (apart > 0)) | ((bound == "<") & (apart < 0))
    return np.asarray(np.where(inside, 0.0, apart), dtype=np.float64)


def _lowest(cost: Floats) -> int:
    """Give the first step of the lowest cost; sums that differ by rounding alone are the same."""
    slack = 1e-12 * max(1.0, float(np.abs(cost).max()))
    return int(np.flatnonzero(cost <= cost.min() + slack)[0])


def _round_within(low: float, high: float) -> float:
    """Give the roundest number from low on that is below high: whole metres where one fits."""
    for decimals in range(7):
        rounded = float(np.ceil(round(low * 10**decimals, 6)) / 10**decimals)
        if low - ROUNDING_M <= rounded < high - ROUNDING_M:
            return rounded
    return low


def _premises(
    distance_m: ArrayLike, households: ArrayLike, municipality_code: ArrayLike
) -> pd.DataFrame:
    premises = pd.DataFrame(
        {
            "distance_m": np.asarray(distance_m, dtype=float),
            "households": np.asarray(households),
            "municipality_code": pd.Series(
                np.asarray(municipality_code, dtype=object), dtype="str"
            ),
        }
    )
    bad = ~(premises["distance_m"] >= 0) | (premises["households"] < 0)
    if bad.any():
        msg = (
            f"{int(bad.sum())} premises have no distance, or a negative one or negative households"
        )
        raise BadValueError(msg, where=f"premises, row {int(np.flatnonzero(bad)[0])}",
                            fix="give 0 where there is fibre and inf where it is far")  # fmt: skip
    return premises


def _target(published: pd.DataFrame, premises: pd.DataFrame) -> pd.DataFrame:
    """Give the published shares by municipality, with our households."""
    shares = pd.DataFrame(published).dropna(subset=["share"])
    codes = shares["municipality_code"]
    if codes.duplicated().any():
        listed = ", ".join(sorted(codes[codes.duplicated()].unique())[:5])
        msg = f"more than one published share for {listed}"
        raise BadValueError(msg, where="published", fix="give one file, and one year of it")
    if not shares["share"].between(0, 1).all():
        msg = "a published share is outside 0-1"
        raise BadValueError(msg, where="published", fix="divide percentages by 100")
    held = premises.groupby("municipality_code")["households"].sum()
    shares = shares.assign(
        households=codes.map(held).fillna(0).to_numpy(),
        municipality_name=shares.get("municipality_name", codes),
        bound=shares.get("bound", "="),
    )
    shares = shares[shares["households"] > 0].set_index("municipality_code").sort_index()
    if shares.empty:
        msg = "no municipality has both households here and a published share near fibre"
        raise EmptyLayerError(msg, where="published", fix="check the municipality codes")
    return shares


def _finding(
    said: Words, rule: str, rows: int, *, severity: Literal["warning", "info"] = "warning",
    **values: object,
) -> Finding:  # fmt: skip
    message, fix = said.tell(_LAYER, rule, **values)
    return Finding(rule, severity, _LAYER, "", rows, message, fix, values)


def _doubts(
    table: pd.DataFrame,
    steps: _Steps,
    best: int,
    target: pd.DataFrame,
    published: pd.DataFrame,
    premises: pd.DataFrame,
    *,
    language: str,
) -> list[Finding]:
    """Say what makes the distance doubtful."""
    found = []
    said = words(language, plain=True)
    longest = said.length(steps.max_m)

    def doubt(rule: str, rows: int = 0, **values: Any) -> None:
        found.append(_finding(said, rule, rows, **values))

    def named(rows: pd.DataFrame) -> str:
        return ", ".join(rows["municipality_name"].head(5))

    if best == len(steps.at) - 1 and (table["far_share"] < 1).any():
        doubt("at-the-end", max=longest)
    if best == 0:
        doubt("at-zero")
    exact = table[target["bound"].to_numpy() != ">"]
    over = exact[exact["published_share"] < exact["fibre_share"] - _ROUNDING_SHARE]
    if len(over):
        doubt("below-fibre", len(over), towns=named(over))
    far = table[target["bound"].to_numpy() != "<"]
    under = far[far["published_share"] > far["far_share"] + _ROUNDING_SHARE]
    if len(under):
        doubt("beyond-reach", len(under), max=longest, towns=named(under))
    apart = table["held_out_points"].dropna()
    if len(apart):
        weight = table.loc[apart.index, "households"]
        rmse = float(np.sqrt(np.average(apart**2, weights=weight)))
        if rmse > POOR_FIT_POINTS:
            doubt("poor-fit", rmse=said.number(rmse, 1), limit=said.number(POOR_FIT_POINTS, 0))
    if len(table) < FEWEST:
        doubt("none-held-out", len(table), n=len(table), fewest=FEWEST)
    unused = set(published["municipality_code"]) - set(target.index)
    if unused:
        doubt("no-households", len(unused), towns=", ".join(sorted(unused)[:5]), severity="info")
    lacking = set(premises["municipality_code"][premises["households"] > 0]) - set(target.index)
    if lacking:
        towns = ", ".join(sorted(lacking)[:5])
        doubt("no-published-share", len(lacking), towns=towns, severity="info")
    return found
