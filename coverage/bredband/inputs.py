"""From region.toml to the tables that the steps work on, every row accounted for.

The steps read no files; this is where files become tables. A file that is wrong
stops :func:`read_inputs` with one clear message, while :func:`check_inputs` goes
on and lists everything that is wrong with all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bredband_gis.quality import Finding

from bredband.availability import distance_to_fibre, premises_status
from bredband.mobile import count_networks, mobile_cover
from bredband.progress import Steps
from bredband.reading import Inputs, Reader, Unusable
from bredband.tables import least_certain
from bredband.takeup import add_offers

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from bredband.reading import Screen
    from bredband.region import Region

__all__ = [
    "Inputs", "Survey", "check_inputs", "fibre_distance", "find_status", "least_certain",
    "read_inputs", "status_findings", "survey_inputs",
]  # fmt: skip


def read_inputs(region: Region, *, steps: Steps | None = None) -> Inputs:
    """Read every file that region.toml names.

    Raises
    ------
    GeodataError
        The first fault that makes a file unusable: what, where, what to do.
    """
    return Reader(region, steps or Steps()).read()


def check_inputs(region: Region, *, steps: Steps | None = None) -> tuple[Finding, ...]:
    """Read every file and list all that is wrong or odd, without stopping at the first fault."""
    return survey_inputs(region, steps=steps).findings


@dataclass(frozen=True)
class Survey:
    """What could be read of a region's files, and everything that was found in them.

    Attributes
    ----------
    inputs, status : Inputs, GeoDataFrame; None
        None where faults leave too little to make them of.
    findings : tuple of Finding
        Faults and what is odd.
    set_aside : DataFrame
        ``tables.SET_ASIDE``.
    files : list of dict
        As in :class:`Inputs`.
    """

    inputs: Inputs | None
    status: gpd.GeoDataFrame | None
    findings: tuple[Finding, ...]
    set_aside: pd.DataFrame
    files: list[dict[str, Any]]


def survey_inputs(
    region: Region, *, steps: Steps | None = None, screen: Screen | None = None
) -> Survey:
    """Read every file and go on after a fault, past the rows or the file that it is in.

    Parameters
    ----------
    region : Region
        The settings.
    steps : Steps, optional
        Shows progress.
    screen : callable, optional
        Gets each layer as it was read, with its name and settings, and gives it back, less
        the rows that later steps would refuse.
    """
    reader = Reader(region, steps or Steps(), stop=False, screen=screen)
    inputs, status = None, None
    try:
        inputs = reader.read()
    except Unusable:
        pass
    else:
        # What the status of premises refuses is a fault of the files too.
        reader.findings = list(inputs.findings)
        status = reader.guard(lambda: find_status(region, inputs))
    return Survey(inputs, status, tuple(reader.findings), reader.all_set_aside(), reader.files)


def find_status(region: Region, inputs: Inputs) -> gpd.GeoDataFrame:
    """Find who has what by the region's definitions: :func:`premises_status` on all its layers."""
    status = premises_status(
        inputs.premises,
        coverage=inputs.coverage,
        coverage_areas=inputs.coverage_areas,
        connected=inputs.connected,
        fibre=inputs.fibre,
        plans=inputs.plans,
        plan_areas=inputs.plan_areas,
        definitions=region.definitions,
        year=region.region.year,
        language=region.region.language,
    )
    if inputs.offers is not None:
        status = add_offers(status, inputs.offers)
    if inputs.mobile:
        cover = mobile_cover(status["x"], status["y"], inputs.mobile, region.region.crs)
        status["mobile_networks"] = count_networks(cover, inputs.mobile)
        status["unserved_no_mobile"] = (
            (status["status"] == "unserved")
            & (status["households"] > 0)
            & (status["mobile_networks"] == 0)
        )
    found: gpd.GeoDataFrame = status
    return found


def status_findings(status: pd.DataFrame) -> tuple[Finding, ...]:
    """List what only the status shows: points that belong to no building, too many offers."""
    found = []
    lost = int(status.attrs.get("unmatched_points", 0))
    if lost:
        found.append(
            Finding(
                rule="connected-without-building",
                severity="warning",
                layer="connected",
                file="",
                rows=lost,
                message="points lie at no building; they only say where fibre is",
                fix="check the coordinates, or raise match_m under [definitions]",
            )
        )
    above = int(status.attrs.get("offers_above_households", 0))
    if above:
        found.append(
            Finding(
                rule="more-offered-than-live-there",
                severity="warning",
                layer="offers",
                file="",
                rows=above,
                message="buildings got more offers than they hold households; as many count as"
                " live there",
                fix="check that offered is a number of households",
            )
        )
    return tuple(found)


def fibre_distance(region: Region, inputs: Inputs, limit_m: float) -> pd.Series[float]:
    """Measure how far each premises is from existing fibre: :func:`distance_to_fibre` on all.

    Returns
    -------
    Series of float64
        Metres, indexed as ``inputs.premises``; 0 where it has fibre, inf beyond ``limit_m``.
    """
    return distance_to_fibre(
        inputs.premises,
        find_status(region, inputs),
        fibre=inputs.fibre,
        connected=inputs.connected,
        limit_m=limit_m,
    )
