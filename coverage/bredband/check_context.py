"""What the rules of the check look at, and what they say."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.points import NearestLine, nearest_line
from bredband_gis.roads import RoadGraph, build_graph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bredband.check_registry import Severity
    from bredband.inputs import Survey
    from bredband.region import Region, SourceSettings

MEASURES: Final = (
    "area_before_m2", "area_after_m2", "area_m2", "width_m", "length_m", "distance_m",
    "premises", "households", "municipalities",
)  # fmt: skip
"""Columns that offenders keep beside those of ``tables.OFFENDERS``, where their rule has them."""


@dataclass(frozen=True)
class Limits:
    """Where the rules draw their lines.

    Attributes
    ----------
    road_m : float or None
        Farther from every road is too far, m; None for ``[buildout] max_road_distance_m``,
        beyond which nothing is built.
    drop_m : float
        A longer drop is worth a look, m; no published source (U).
    sliver_m : float
        Overlaps and gaps narrower than this on average come of drawing, m (U).
    strip_m : float
        Widest strip between two municipalities that is a gap and not water, m (U): as far
        outside the border a building is still counted.
    households : int
        More in one building are too many (U).
    totals_share : float
        Households may differ this much from the municipality's total (U).
    persons_per_household : float
        2.22, a rule of thumb of a village network in Skåne (F, vofiber.se).
    persons_share : float
        Persons per household may differ this much from that (U; published municipal averages
        lie between 1.9 and 2.7).
    fibre_m : float
        Fibre farther from every road is worth a look, m (U).
    years : int
        Layers may differ this many years from the region's year.
    cell_m : float
        Smallest cell shown in public: 250 m, PTS's (F, bredbandskartan.se).
    xdsl_mbit, vdsl_mbit, docsis_mbit, lte_mbit, nr_mbit, fwa_mbit, satellite_mbit : float
        Highest credible download of each, Mbit/s. xDSL and VDSL as the standards allow on
        the shortest loops, the others what is sold (U).
    upload_times : float
        Upload more than this many times the download is a slip (U).
    """

    road_m: float | None = None
    drop_m: float = 200.0
    sliver_m: float = 10.0
    strip_m: float = 200.0
    households: int = 500
    totals_share: float = 0.10
    persons_per_household: float = 2.22
    persons_share: float = 0.30
    fibre_m: float = 200.0
    years: int = 1
    cell_m: float = 250.0
    xdsl_mbit: float = 60.0
    vdsl_mbit: float = 300.0
    docsis_mbit: float = 10_000.0
    lte_mbit: float = 1_000.0
    nr_mbit: float = 5_000.0
    fwa_mbit: float = 5_000.0
    satellite_mbit: float = 1_000.0
    upload_times: float = 10.0

    def fastest(self) -> dict[str, float]:
        """Give the highest credible download per technology, where it has one."""
        return {
            "xdsl": self.xdsl_mbit, "vdsl": self.vdsl_mbit, "docsis": self.docsis_mbit,
            "lte": self.lte_mbit, "5g": self.nr_mbit, "fwa": self.fwa_mbit,
            "satellite": self.satellite_mbit,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Found:
    """What a rule found in one place.

    Attributes
    ----------
    rule : str
        Id of the rule.
    layer, file : str
        Where; empty for what is between files.
    rows : int
        How many rows it concerns.
    details : mapping
        Numbers and names that its words need.
    at : DataFrame, optional
        A row per offender: row, id and geometry where it has them, and what the rule's
        words for a row need.
    severity : {"error", "warning", "info"}, optional
        Where it is another than the rule's.
    said, advice : str
        A reader's own words and advice, in English.
    """

    rule: str
    layer: str = ""
    file: str = ""
    rows: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)
    at: pd.DataFrame | None = None
    severity: Severity | None = None
    said: str = ""
    advice: str = ""


@dataclass(frozen=True, eq=False)
class ReadFile:
    """A file as it was read, before the steps after reading.

    Attributes
    ----------
    name : str
        Layer, e.g. ``"premises"``.
    file : str
        File name.
    source : SourceSettings
        How region.toml describes it.
    frame : DataFrame or GeoDataFrame
        Our column names; the index is the row in the file.
    facts : mapping
        As :class:`bredband_gis.files.Layer` has them.
    """

    name: str
    file: str
    source: SourceSettings
    frame: pd.DataFrame
    facts: Mapping[str, Any]


@dataclass(eq=False)
class Context:
    """What the rules look at; what several of them need is worked out once.

    Attributes
    ----------
    region : Region
        The settings.
    limits : Limits
        Where the lines are drawn.
    survey : Survey
        What could be read.
    read : sequence of ReadFile
        Each file as it was read.
    """

    region: Region
    limits: Limits
    survey: Survey
    read: Sequence[ReadFile]

    def files(self, *names: str) -> list[ReadFile]:
        """Give the files of some layers that could be read."""
        return [file for file in self.read if file.name in names]

    @property
    def road_m(self) -> float:
        """How far from a road is too far."""
        given = self.limits.road_m
        return self.region.buildout.max_road_distance_m if given is None else given

    @cached_property
    def premises(self) -> pd.DataFrame:
        """Every row of the building lists that was read: premises_id, file, row, x, y.

        ``used`` tells which are premises; those have households, municipality_code as well,
        and stated_code where the file states one.
        """
        parts = []
        for read in self.files("premises"):
            frame = read.frame
            xy = _points(frame)
            part = pd.DataFrame(
                {
                    "premises_id": frame["premises_id"].to_numpy(),
                    "file": read.file,
                    "row": frame.index.to_numpy(),
                    "x": xy[:, 0],
                    "y": xy[:, 1],
                }
            )
            if "municipality_code" in frame:
                part["stated_code"] = frame["municipality_code"].to_numpy()
            parts.append(part)
        columns = ["premises_id", "file", "row", "x", "y"]
        table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
        inputs = self.survey.inputs
        if inputs is None:
            return table.assign(used=False, households=0, municipality_code=None)
        known = inputs.premises
        at = pd.Index(known["premises_id"]).get_indexer(pd.Index(table["premises_id"]))
        used = at >= 0
        table["used"] = used
        for name in ("x", "y"):
            table[name] = np.where(used, known[name].to_numpy()[at], table[name].to_numpy())
        table["households"] = np.where(used, known["households"].to_numpy()[at], 0)
        code = known["municipality_code"].to_numpy(dtype=object)[at]
        code[~used] = None
        table["municipality_code"] = code
        return table

    @cached_property
    def used(self) -> pd.DataFrame:
        """The rows of :attr:`premises` that are premises."""
        return self.premises[self.premises["used"]].reset_index(drop=True)

    @cached_property
    def roads(self) -> gpd.GeoDataFrame | None:
        """Roads that trench may be laid along, with file and row; None where there are none."""
        parts = []
        for read in self.files("roads"):
            frame = read.frame
            keep = np.ones(len(frame), dtype=bool)
            if "road_class" in frame:
                keep = ~frame["road_class"].isin(self.region.buildout.no_dig).to_numpy()
            geometry = np.asarray(frame.geometry.array, dtype=object)[keep]
            parts.append(
                pd.DataFrame(
                    {"file": read.file, "row": frame.index.to_numpy()[keep], "geometry": geometry}
                )
            )
        if not parts or not sum(map(len, parts)):
            return None
        table = pd.concat(parts, ignore_index=True)
        return gpd.GeoDataFrame(table, geometry="geometry", crs=self.region.region.crs)

    @cached_property
    def graph(self) -> RoadGraph | None:
        """The road network that trench is laid along."""
        if self.roads is None:
            return None
        return build_graph(self.roads, snap_m=self.region.buildout.road_snap_m)

    @cached_property
    def nearest_road(self) -> NearestLine | None:
        """The road nearest to each of :attr:`used`."""
        if self.roads is None:
            return None
        return nearest_line(
            self.used["x"].to_numpy(dtype=float),
            self.used["y"].to_numpy(dtype=float),
            self.roads.geometry.to_numpy(),
            max_distance=np.inf,
        )


def _points(frame: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    if {"x", "y"} <= set(frame.columns):
        return frame[["x", "y"]].to_numpy(dtype=float)
    centre = shapely.centroid(np.asarray(gpd.GeoSeries(frame.geometry).array, dtype=object))
    return np.column_stack([shapely.get_x(centre), shapely.get_y(centre)])


def offenders_of(rows: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    """Give premises rows as offenders: row, id, a point, and the columns named."""
    points = shapely.points(rows["x"].to_numpy(dtype=float), rows["y"].to_numpy(dtype=float))
    return pd.DataFrame(
        {
            "row": rows["row"].to_numpy(),
            "id": rows["premises_id"].to_numpy(),
            "geometry": points,
            **columns,
        }
    )
