"""region.toml: the planner's settings, read and checked.

The file is the interface. Every field is described here once; the description
is what an error message, an editor (through :func:`json_schema`) and the
commented file that ``bredband init`` writes all say.

Defaults carry the mark of how sure they are: F found in a published source,
D arithmetic on found figures, S from the regions' own documents, U without a
published source, to be replaced by the region's own figure.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from bredband_gis.crs import metric_crs
from bredband_gis.sources import Source
from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator

from bredband.display import show_region
from bredband.faults import SettingsError, faults_of, toml_fault
from bredband.prices import Mark, Price, PriceError, Prices, read_book
from bredband.settings import Section
from bredband.settings_backbone import BackboneSettings
from bredband.settings_ground import GroundSettings
from bredband.settings_priority import PrioritySettings
from bredband.settings_pts import PtsSettings
from bredband.tables import BASES, BUILT_UP, COUNTED, SEGMENTS, TECHNOLOGIES

FILE_NAME = "region.toml"

__all__ = ["FILE_NAME", "Mark", "Price", "Prices", "Region", "RegionError", "json_schema"]


class RegionError(SettingsError):
    """region.toml or its price book is missing, is not TOML, or holds what it must not."""


class RegionSettings(Section):
    """[region]: what the region is."""

    name: str = Field(description="Name of the region, as on maps and in reports")
    code: str = Field(description="Code of the region (Sweden: the county's two digits)")
    crs: str = Field(
        "EPSG:3006",
        description="Metric CRS that everything is measured in; EPSG:3006 (SWEREF 99 TM) in Sweden",
    )
    year: int = Field(
        ge=1990, le=2100, description="Year the coverage data refer to (PTS: 1 October)"
    )
    language: Literal["sv", "en"] = Field("sv", description="Language of maps and tables")


class SourceSettings(Section):
    """[sources.*]: one file, how to read it and where it comes from."""

    path: Path = Field(description="The file, absolute or relative to region.toml")
    layer: str | None = Field(
        None, description="Layer, sheet, or for .osm.pbf: buildings, roads or municipalities"
    )
    crs: str | None = Field(None, description="CRS of the file where the file does not say")
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Our column name = the file's. x and y name the coordinate columns of a table",
    )
    constants: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Columns that have one value for the whole file"
    )
    where: str | None = Field(
        None,
        description="Keep only rows that fulfil this SQL condition on the file's own columns",
    )
    cell_m: float | None = Field(
        None,
        gt=0,
        description="For a table of square cells: their side, m; x and y (or an SCB grid id as"
        " cell_id) name the lower left corner",
    )
    admin_level: int = Field(
        8, description="For .osm.pbf municipalities: the boundary's admin_level"
    )
    encoding: str | None = Field(None, description="Text encoding; found out when not given")
    provenance: Literal["real", "derived", "synthetic"] = Field(
        "real", description="real, derived or synthetic; follows the layer everywhere"
    )
    source: str = Field("", description="Who made it, as it should be cited")
    licence: str = Field("", description="Licence, e.g. CC0 or 'under secrecy'")
    year: int | None = Field(None, description="Year that the data describe")

    def resolve(self, folder: Path) -> Source:
        """Give the geodata package's view of the file, its path made absolute."""
        return Source(
            path=(folder / self.path).resolve(),
            layer=self.layer,
            crs=self.crs,
            columns=dict(self.columns),
            constants=dict(self.constants),
            where=self.where,
            admin_level=self.admin_level,
            encoding=self.encoding,
        )


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


_Sources = Annotated[list[SourceSettings], BeforeValidator(_as_list)]


class Sources(Section):
    """[sources]: every layer, each one file or several."""

    municipalities: _Sources = Field(
        min_length=1,
        description="Polygons: municipality_code, municipality_name, county_code?, county_name?",
    )
    premises: _Sources = Field(
        min_length=1,
        description="Points or buildings: premises_id, households, workplaces?, holiday_homes?;"
        " an .osm.pbf has its households derived",
    )
    roads: _Sources = Field(min_length=1, description="Lines: road_class?")
    localities: _Sources = Field(
        default_factory=list,
        description="Polygons: segment (tätort or småort), locality_code?, locality_name?",
    )
    totals: _Sources = Field(
        default_factory=list,
        description="Table: municipality_code, households, population?; derived households are"
        " scaled to it",
    )
    fibre: _Sources = Field(
        default_factory=list,
        description="Lines: existing fibre routes, also as Open Fibre Data Standard; operator?",
    )
    coverage: _Sources = Field(
        default_factory=list,
        description="Table by premises_id, polygons or cells, or a raster of Mbit/s:"
        " technology, speed_mbit, upload_mbit?, operator?",
    )
    plans: _Sources = Field(
        default_factory=list,
        description="Table by premises_id or polygons: technology?, speed_mbit, year, credible?,"
        " operator?",
    )
    connected: _Sources = Field(
        default_factory=list,
        description="Points: buildings that an operator has connected, where the operator has ids"
        " of its own; technology? (fibre), speed_mbit?, upload_mbit?, operator?",
    )
    offers: _Sources = Field(
        default_factory=list,
        description="Table by premises_id: offered? and accepted, each a number of households or"
        " ja/nej; every row is an offer where offered is missing",
    )
    deso: _Sources = Field(
        default_factory=list, description="Polygons of SCB's DeSO: deso_code, deso_name?"
    )
    population: _Sources = Field(
        default_factory=list,
        description="Polygons, cells or a raster: population; laid on buildings whose households"
        " are not known",
    )
    water: _Sources = Field(
        default_factory=list,
        description="Polygons of lakes and sea, where the people of a population grid do not live"
        " and ways over land cost what [ground] says: kind? (hav or sea; a lake otherwise)",
    )
    land_cover: _Sources = Field(
        default_factory=list,
        description="Raster of land cover, e.g. Nationella marktäckedata; [[ground.classes]] say"
        " what its values do to the price of trench",
    )
    soil: _Sources = Field(
        default_factory=list, description="Raster of soil or rock; as land_cover"
    )
    elevation: _Sources = Field(
        default_factory=list,
        description="Raster of elevation, m; [[ground.classes]] of layer slope say what slopes do",
    )
    protected: _Sources = Field(
        default_factory=list,
        description="Polygons of protected areas: kind?; [[ground.protected]] say what they do",
    )
    functions: _Sources = Field(
        default_factory=list,
        description="Points or buildings of societal functions (schools, care, fire stations):"
        " kind, name?",
    )
    later_connection: _Sources = Field(
        default_factory=list,
        description="Polygons of areas of later connection (efteranslutning), not open for support",
    )
    mobile: _Sources = Field(
        default_factory=list,
        description="Rasters or polygons, one file per operator and technology: operator and"
        " technology as constants, threshold? (covered from this value of the raster, 1)",
    )

    def items(self) -> list[tuple[str, SourceSettings]]:
        """List every file with the name of its layer, in the order of this class."""
        return [
            (name, source) for name in type(self).model_fields for source in getattr(self, name)
        ]


class Definitions(Section):
    """[definitions]: what counts as connected, passed and planned."""

    target_speed_mbit: int = Field(
        100, ge=1, description="Speed that decides a premises' status, Mbit/s (aid threshold, F)"
    )
    speeds_mbit: list[int] = Field(
        default_factory=lambda: [30, 100, 1000],
        min_length=1,
        description="Speed classes of the statistics, Mbit/s",
    )
    proximity_m: float = Field(
        50.0,
        ge=0,
        description="Passed when this near a fibre route or a fibre-connected building, m."
        " PTS publishes no distance; 50 m has no published source (U); PTS used 250 m in 2013 (F)",
    )
    passed_speed_mbit: int = Field(
        1000, ge=1, description="Speed that can be ordered where passed by fibre, Mbit/s"
    )
    search_m: float = Field(
        5000.0, gt=0, description="How far to look for the nearest fibre route, m"
    )
    wired_technologies: list[Literal[TECHNOLOGIES]] = Field(  # type: ignore[valid-type]
        default_factory=lambda: ["fibre", "docsis", "vdsl", "xdsl"],
        description="Technologies that count as wired; the others are kept apart",
    )
    plan_years: int = Field(
        3, ge=0, description="A plan is credible when due within this many years (GBER art. 52, F)"
    )
    match_m: float = Field(
        25.0,
        ge=0,
        description="A connected point belongs to the nearest building within this distance, m;"
        " no published source (U)",
    )
    aid_speed_mbit: int = Field(
        100,
        ge=1,
        description="A network counts as one from this download speed, Mbit/s (GBER art. 52, F)",
    )
    aid_technologies: list[Literal[TECHNOLOGIES]] = Field(  # type: ignore[valid-type]
        default_factory=lambda: ["fibre", "docsis", "vdsl", "xdsl"],
        description="Technologies whose networks count in the state-aid view; fixed radio only if"
        " dedicated and dimensioned (PTS 2020, F)",
    )
    built_up_segments: list[Literal[SEGMENTS]] = Field(  # type: ignore[valid-type]
        default_factory=lambda: ["tätort", "småort"],
        description=f"Segments that are {BUILT_UP}; the rest is glesbygd. PTS's own wording was not"
        " found: this is inferred from Gällivare's published shares (I)",
    )


class BuildoutSettings(Section):
    """[buildout]: how new trench is laid on the roads."""

    max_road_distance_m: float = Field(
        1000.0,
        gt=0,
        description="A premises farther than this from every road is reported, not routed, m (U)",
    )
    fibre_snap_m: float = Field(
        40.0, gt=0, description="Fibre within this distance of a road lies in that road, m (U)"
    )
    road_snap_m: float = Field(
        0.5, ge=0, description="A road end this near another road meets it there, m (U)"
    )
    no_dig: list[str] = Field(
        default_factory=lambda: ["motorway", "motorway_link", "steps", "corridor", "elevator"],
        description="Road classes that no trench is laid along",
    )
    tap: Literal["anywhere", "nodes", "never"] = Field(
        "anywhere",
        description="Where new trench may leave a drawn fibre route: anywhere along it; nodes"
        " (where roads meet or end, and where the route ends); never (the route is not ours to"
        " open: only tap_connected gives starts) (U)",
    )
    tap_connected: bool = Field(
        True,
        description="Whether new trench may start in the road at a fibre-connected building,"
        " whatever tap says of routes",
    )
    include_holiday_homes: bool = Field(
        False, description="Whether buildings with holiday homes only are built to as well"
    )


class Goal(Section):
    """[[goals]]: a share to reach and the measure that it counts."""

    name: str = Field(description="Name of the goal")
    target: float = Field(ge=0, le=1, description="Share to reach, 0-1")
    speed_mbit: int = Field(ge=1, description="Download speed, Mbit/s")
    measure: Literal[COUNTED] = Field(  # type: ignore[valid-type]
        description="connected; passed (connected or passed); planned (those or planned);"
        " connected_any (connected, wired or wireless); connected_symmetric (connected at the speed"
        " both ways); accepted (of those that got an offer)"
    )
    bases: list[Literal[BASES]] = Field(  # type: ignore[valid-type]
        default_factory=lambda: list(BASES), description="households, workplaces or both"
    )
    source: str = Field("", description="Who decided it, and where it is published")


def _goals() -> list[Goal]:
    strategy = "Sverige helt uppkopplat 2025, regeringen 2016"
    return [
        Goal(name="2020: 95 % 100 Mbit/s", target=0.95, speed_mbit=100, measure="connected",
             source=strategy),
        Goal(name="2025: 98 % 1 Gbit/s", target=0.98, speed_mbit=1000, measure="passed",
             source=strategy),
        Goal(name="2025: 99,9 % 100 Mbit/s", target=0.999, speed_mbit=100, measure="passed",
             source=strategy),
        Goal(name="2025: 100 % 30 Mbit/s", target=1.0, speed_mbit=30, measure="passed",
             source=strategy),
        Goal(name="2030: 100 % 1 Gbit/s", target=1.0, speed_mbit=1000, measure="passed",
             bases=["households"], source="EU Digital Decade, beslut (EU) 2022/2481"),
    ]  # fmt: skip


class Publication(Section):
    """[publication]: what may be shown to others."""

    detail: Literal["public", "internal"] = Field(
        "public",
        description="public: cells, no exact routes, small groups hidden; internal: everything",
    )
    cell_m: float = Field(250.0, gt=0, description="Cell size of published points, m (PTS: 250, F)")
    min_households: int = Field(
        3, ge=1, description="Groups with fewer households are shown as 'fewer than' (U)"
    )


class Files(Section):
    """[files]: what a run writes besides tables, map and database."""

    report: bool = Field(True, description="report.html: all results, to read and to print")
    workbook: bool = Field(True, description="tables.xlsx: a sheet per table, explained")
    geopackage: bool = Field(True, description="bredband.gpkg: layers that QGIS opens coloured")


class Region(Section):
    """A region: what region.toml says, with the folder that it stands in."""

    region: RegionSettings
    sources: Sources
    definitions: Definitions = Field(default_factory=Definitions)
    buildout: BuildoutSettings = Field(default_factory=BuildoutSettings)
    prices: Prices = Field(default_factory=Prices)
    goals: list[Goal] = Field(default_factory=_goals)
    ground: GroundSettings = Field(default_factory=GroundSettings, validate_default=True)
    priority: PrioritySettings = Field(default_factory=PrioritySettings)
    pts: PtsSettings = Field(default_factory=PtsSettings)
    backbone: BackboneSettings = Field(default_factory=BackboneSettings)
    publication: Publication = Field(default_factory=Publication)
    files: Files = Field(default_factory=Files)
    folder: Path = Field(default=Path(), exclude=True, description="Folder of region.toml")

    @field_validator("ground")
    @classmethod
    def _ground_fits(cls, ground: GroundSettings, info: ValidationInfo) -> GroundSettings:
        prices, sources = info.data.get("prices"), info.data.get("sources")
        if prices is not None and sources is not None:  # their own faults are told already
            ground.check(prices.per_metre, {name for name, _ in sources.items()})
        return ground

    @classmethod
    def read(cls, folder: Path | str) -> Region:
        """Read and check the region.toml in a folder (or the file itself).

        Raises
        ------
        RegionError
            The file is missing, is not valid TOML, or a field is unknown, missing
            or out of bounds; the message names every such field.
        """
        path = Path(folder)
        if path.is_dir() or path.suffix != ".toml":
            path = path / FILE_NAME
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            msg = "there is no such file"
            fix = f"make one: bredband init {path.parent}"
            raise RegionError(msg, where=str(path), fix=fix) from None
        language = _language_of(raw)
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            msg = f"the file is not UTF-8 (byte {error.start})"
            fix = "save it as UTF-8"
            raise RegionError(msg, where=str(path), fix=fix, language=language) from None
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            msg, fix = toml_fault(error, text)
            raise RegionError(msg, where=str(path), fix=fix, language=language) from None
        return cls.from_dict(content, folder=path.parent, where=str(path))

    @classmethod
    def from_dict(
        cls, content: dict[str, Any], *, folder: Path | str, where: str = FILE_NAME
    ) -> Region:
        """Check settings that are already a dictionary, e.g. made in a notebook."""
        settings = {**content, "folder": Path(folder)}
        language, fix = _language(content), "correct region.toml"
        prices = settings.get("prices")
        if isinstance(prices, dict) and prices.get("book") is not None:
            try:
                settings["prices"] = read_book(prices, folder=Path(folder))
            except PriceError as error:
                raise RegionError(
                    error.what, where=error.where, fix=error.fix, language=language
                ) from None
            where = f"{where} with {prices['book']}"
            fix = f"correct region.toml or {prices['book']}"
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            faults = faults_of(error, settings, cls)
            raise RegionError(where=where, fix=fix, faults=faults, language=language) from None

    @property
    def is_swedish(self) -> bool:
        """Whether the region is measured in a SWEREF 99 CRS, and so has SCB's codes."""
        return metric_crs(self.region.crs).to_epsg() in range(3006, 3019)

    @property
    def slug(self) -> str:
        """The region's name as a folder name."""
        kept = (c if c.isalnum() else "-" for c in self.region.name.casefold())
        return "-".join(part for part in "".join(kept).split("-") if part) or "region"

    def relative(self, path: Path) -> str:
        """Give a path as seen from region.toml, so that no machine's folders are written out."""
        try:
            return Path(os.path.relpath(path, self.folder.resolve())).as_posix()
        except ValueError:  # another drive
            return path.name

    def _repr_html_(self) -> str:
        return show_region(self)


def _language(content: dict[str, Any]) -> str | None:
    region = content.get("region")
    language = region.get("language") if isinstance(region, dict) else None
    return language if language in ("sv", "en") else None


def _language_of(raw: bytes) -> str | None:
    """Find the language in a file that may not be TOML; [region] alone has such a setting."""
    found = re.search(rb"""^[ \t]*language[ \t]*=[ \t]*["'](sv|en)["']""", raw, re.MULTILINE)
    return found[1].decode() if found else None


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of region.toml, for editors that complete and check it."""
    schema = Region.model_json_schema()
    schema.get("properties", {}).pop("folder", None)
    return schema
