"""Files become the tables that the steps work on, layer by layer, every row accounted for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.cells import cell_boxes, cell_corners, name_cells
from bredband_gis.crs import metric_crs
from bredband_gis.errors import (
    BadValueError,
    DuplicateIdsError,
    EmptyLayerError,
    GeodataError,
    MissingColumnError,
    rule_of,
)
from bredband_gis.files import check_file
from bredband_gis.quality import Finding
from bredband_gis.rasters import open_raster, raster_band, raster_crs
from bredband_gis.sources import (
    Layer,
    Source,
    has_geometry,
    read_layer,
    read_table,
    sample_raster,
    sha256,
)
from bredband_gis.tabular import as_text

from bredband.availability import coverage_mismatches
from bredband.display import show_inputs
from bredband.dwellings import derive_households
from bredband.ground import Ground
from bredband.localities import dissolve_localities
from bredband.mobile import MobileLayer
from bredband.ofds import is_ofds, read_ofds_layer
from bredband.plans import read_years
from bredband.population import (
    grid_from_raster,
    households_from_population,
    lay_population,
)
from bredband.premises import (
    build_premises,
    locate_buildings,
    municipality_mismatches,
)
from bredband.settings_ground import LAYERS
from bredband.societal import (
    FUNCTIONS,
    LATER_CONNECTION,
    osm_condition,
    osm_kind,
    place_functions,
)
from bredband.tables import MUNICIPALITIES, PREMISES, check_table, least_certain
from bredband.technologies import normalise_technology, read_speeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from bredband.progress import Steps
    from bredband.region import Region, SourceSettings

    Screen = Callable[[str, SourceSettings, Layer], Layer]

RASTERS = {".tif", ".tiff", ".vrt", ".asc", ".img"}

TABLES = {".csv", ".tsv", ".txt", ".xlsx", ".xlsm"}
"""Coverage and plans in these go by building, also where they have coordinates as well."""

NO_BUILDING = "names a building that is not in the premises layer"

EXTENT_MARGIN_M = 25_000.0
"""How far outside the municipalities other layers may reach before they count as misplaced, m."""


@dataclass(frozen=True)
class Inputs:
    """The region's tables, all in its metric CRS.

    Attributes
    ----------
    municipalities, premises : GeoDataFrame
        ``tables.MUNICIPALITIES`` and ``tables.PREMISES``.
    roads : GeoDataFrame
        Lines with ``road_class`` (empty text where the source has none).
    localities, fibre : GeoDataFrame or None
        Polygons with ``segment``; lines.
    coverage, plans : DataFrame or None
        By ``premises_id``.
    coverage_areas, plan_areas : GeoDataFrame or None
        The same as polygons or cells.
    connected : GeoDataFrame or None
        Points of buildings that an operator has connected.
    offers : DataFrame or None
        By ``premises_id``: offered and accepted.
    deso : GeoDataFrame or None
        Polygons with ``deso_code`` and ``deso_name``.
    functions, later_connection : GeoDataFrame or None
        ``societal.FUNCTIONS``, points; ``societal.LATER_CONNECTION``, polygons.
    water : GeoDataFrame or None
        Polygons of lakes and sea.
    ground : Ground
        Rasters of the ground, water and protected areas, and what ``[ground]`` makes of them.
    population : DataFrame or None
        ``tables.POPULATION``, where a grid was laid on buildings.
    mobile : tuple of MobileLayer
        What each mobile network covers.
    set_aside : DataFrame
        ``tables.SET_ASIDE``: every row of every file that is not used, and why.
    findings : tuple of Finding
        What is odd but not wrong enough to stop.
    files : list of dict
        Per file: layer, name, SHA-256, rows, source, licence, year, provenance.
    """

    municipalities: gpd.GeoDataFrame
    premises: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame
    localities: gpd.GeoDataFrame | None
    fibre: gpd.GeoDataFrame | None
    coverage: pd.DataFrame | None
    coverage_areas: gpd.GeoDataFrame | None
    plans: pd.DataFrame | None
    plan_areas: gpd.GeoDataFrame | None
    connected: gpd.GeoDataFrame | None
    offers: pd.DataFrame | None
    deso: gpd.GeoDataFrame | None
    functions: gpd.GeoDataFrame | None
    later_connection: gpd.GeoDataFrame | None
    water: gpd.GeoDataFrame | None
    ground: Ground
    population: pd.DataFrame | None
    mobile: tuple[MobileLayer, ...]
    set_aside: pd.DataFrame
    findings: tuple[Finding, ...]
    files: list[dict[str, Any]]

    def provenance(self) -> dict[str, str]:
        """Give each layer's provenance: that of its least certain file or row."""
        marks: dict[str, set[str]] = {}
        for file in self.files:
            marks.setdefault(str(file["layer"]), set()).add(str(file["provenance"]))
        marks.setdefault("premises", set()).update(self.premises["provenance"].unique())
        return {layer: least_certain(found) for layer, found in marks.items()}

    def _repr_html_(self) -> str:
        return show_inputs(self)


class Unusable(Exception):  # noqa: N818 - nobody sees it
    """Something that everything else rests on could not be read; it is in the findings."""


@dataclass
class Reader:
    """Reads the files of a region one layer after the other.

    Attributes
    ----------
    region, steps : Region, Steps
        The settings, and where progress is shown.
    stop : bool
        Whether a fault is raised; else it is noted in ``findings`` and the reader goes on.
    screen : callable, optional
        Gets each layer as it was read and gives it back.
    extent : tuple of float, optional
        Where other layers may lie, once the municipalities are known.
    set_aside, findings, files : list
        What was found so far.
    population : DataFrame or None
        How a population grid was laid.
    water : list of (GeoDataFrame or None)
        Lakes and sea, once they are read.
    """

    region: Region
    steps: Steps
    stop: bool = True
    screen: Screen | None = None
    extent: tuple[float, float, float, float] | None = None
    set_aside: list[pd.DataFrame] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    population: pd.DataFrame | None = None
    water: list[gpd.GeoDataFrame | None] = field(default_factory=list)

    def read(self) -> Inputs:
        """Read every layer.

        Raises
        ------
        GeodataError
            A fault, where the reader is to stop at one.
        Unusable
            Municipalities, premises or roads could not be read; why is in the findings.
        """
        settings = self.region.region
        metric_crs(settings.crs)
        with self.steps.step("municipalities"):
            municipalities = self._together("municipalities", self._municipalities)
        if municipalities is not None:
            self.guard(lambda: _check_ids(municipalities, "municipality_code", "municipalities"))
            minx, miny, maxx, maxy = municipalities.total_bounds
            self.extent = (
                minx - EXTENT_MARGIN_M, miny - EXTENT_MARGIN_M,
                maxx + EXTENT_MARGIN_M, maxy + EXTENT_MARGIN_M,
            )  # fmt: skip
        with self.steps.step("localities"):
            localities = self._together("localities", lambda s: self._localities(s, municipalities))
            totals = self._together("totals", self._totals)
            deso = self._together("deso", lambda s: self._deso(s, municipalities))
            functions = self._together("functions", lambda s: self._functions(s, municipalities))
            later = self._together("later_connection", lambda s: self._later(s, municipalities))
        with self.steps.step("premises"):
            premises = self._together(
                "premises", lambda s: self._premises(s, municipalities, localities, deso, totals)
            )
        with self.steps.step("roads"):
            roads = self._together("roads", self._roads)
            ground = self._ground(municipalities)
        if premises is not None:
            self.guard(lambda: _check_ids(premises, "premises_id", "premises"))
        with self.steps.step("networks"):
            fibre = self._together("fibre", self._fibre)
            coverage, coverage_areas = self._by_id_or_area("coverage", premises)
            plans, plan_areas = self._by_id_or_area("plans", premises)
            connected = self._together("connected", self._connected)
            offers = self._together("offers", lambda s: self._offers(s, premises))
            mobile = self._mobile()
        if municipalities is None or premises is None or roads is None:
            raise Unusable
        inputs = Inputs(
            municipalities=municipalities,
            premises=premises,
            roads=roads,
            localities=localities,
            fibre=fibre,
            coverage=coverage,
            coverage_areas=coverage_areas,
            plans=plans,
            plan_areas=plan_areas,
            connected=connected,
            offers=offers,
            deso=deso,
            functions=functions,
            later_connection=later,
            water=self._water(),
            ground=ground,
            population=self.population,
            mobile=mobile,
            set_aside=self.all_set_aside(),
            findings=tuple(self.findings),
            files=self.files,
        )
        return replace(inputs, findings=(*inputs.findings, *_cross_check(inputs)))

    def all_set_aside(self) -> pd.DataFrame:
        """Give ``tables.SET_ASIDE`` of all files."""
        kept = {"layer": "str", "file": "str", "row": "int64", "id": "str", "reason": "str"}
        parts = [part for part in self.set_aside if len(part)]
        empty = pd.DataFrame(columns=list(kept))
        return (pd.concat(parts, ignore_index=True) if parts else empty)[[*kept]].astype(kept)

    def _together(self, name: str, read: Callable[[SourceSettings], pd.DataFrame | None]) -> Any:
        """Read all files of a layer and put them into one table; None where there is none."""
        parts = []
        for source in getattr(self.region.sources, name):
            part = self.guard(lambda source=source: read(source))  # type: ignore[misc]
            if part is not None:
                parts.append(part)
        if len(parts) < 2:
            return parts[0].reset_index(drop=True) if parts else None
        return pd.concat(parts, ignore_index=True)

    def guard(self, act: Callable[[], Any]) -> Any:
        """Run, and where the reader is to go on, note a fault instead of stopping at it."""
        try:
            return act()
        except GeodataError as error:
            if self.stop:
                raise
            self.findings.append(
                Finding(
                    rule=rule_of(error),
                    severity="error",
                    layer="",
                    file=error.where or "",
                    rows=0,
                    message=error.what,
                    fix=error.fix or "",
                )
            )
            return None

    def _note(self, name: str, source: SourceSettings, layer: Layer) -> None:
        self.set_aside.append(layer.set_aside)
        self.findings.extend(layer.findings)
        self.files.append(
            {
                **layer.facts,
                "layer": name,
                "layer_in_file": layer.facts.get("layer"),
                "path": self.region.relative(source.resolve(self.region.folder).path),
                "provenance": source.provenance,
                "source": source.source,
                "licence": source.licence,
                "year": source.year,
            }
        )

    def _layer(self, name: str, source: SourceSettings, **options: Any) -> gpd.GeoDataFrame:
        layer = read_layer(
            source.resolve(self.region.folder),
            name=name,
            crs=self.region.region.crs,
            extent=self.extent,
            lenient=not self.stop,
            **options,
        )
        if self.screen is not None:
            layer = self.screen(name, source, layer)
        self._note(name, source, layer)
        return layer.frame

    def _table(self, name: str, source: SourceSettings, **options: Any) -> pd.DataFrame:
        layer = read_table(
            source.resolve(self.region.folder), name=name, lenient=not self.stop, **options
        )
        if self.screen is not None:
            layer = self.screen(name, source, layer)
        self._note(name, source, layer)
        frame: pd.DataFrame = layer.frame
        return frame

    def _municipalities(self, source: SourceSettings) -> gpd.GeoDataFrame:
        frame = self._layer(
            "municipalities",
            source,
            kind="polygon",
            required=("municipality_code", "municipality_name"),
            id_column="municipality_code",
        )
        settings = self.region.region
        codes = frame["municipality_code"]
        if (
            self.region.is_swedish
            and codes.str.fullmatch(r"\d{3,4}").all()
            and (codes.str.len() < 4).any()
        ):
            frame["municipality_code"] = codes.str.zfill(4)
            self.findings.append(
                Finding(
                    rule="municipality-code-short",
                    severity="warning",
                    layer="municipalities",
                    file=source.path.name,
                    rows=int((codes.str.len() < 4).sum()),
                    message="codes of three digits are read with the leading 0 that they lost",
                    fix="store the codes as text",
                )
            )
        if "county_code" not in frame:
            swedish = frame["municipality_code"].str.fullmatch(r"\d{4}").all()
            frame["county_code"] = frame["municipality_code"].str[:2] if swedish else settings.code
        if "county_name" not in frame:
            frame["county_name"] = frame["county_code"].where(
                frame["county_code"] != settings.code, settings.name
            )
        frame = frame.assign(provenance=source.provenance)
        check_table(frame, MUNICIPALITIES, where=f"{source.path.name}, layer municipalities")
        return frame.sort_values("municipality_code", ignore_index=True)

    def _localities(
        self, source: SourceSettings, municipalities: gpd.GeoDataFrame | None
    ) -> gpd.GeoDataFrame:
        frame = self._layer(
            "localities", source, kind="polygon", required=("segment",), numeric=("population",)
        ).assign(provenance=source.provenance)
        if "locality_code" in frame:
            drawn = len(frame)
            frame = dissolve_localities(frame, where=f"{source.path.name}, layer localities")
            self.files[-1]["rows_joined"] = drawn - len(frame)
        elif "locality_name" in frame:
            frame["locality_code"] = frame["locality_name"]
        return self._inside_region(frame, "localities", source, municipalities)

    def _deso(
        self, source: SourceSettings, municipalities: gpd.GeoDataFrame | None
    ) -> gpd.GeoDataFrame:
        frame = self._layer(
            "deso", source, kind="polygon", required=("deso_code",), id_column="deso_code"
        ).assign(provenance=source.provenance)
        if "deso_name" not in frame:
            frame["deso_name"] = frame["deso_code"]
        return self._inside_region(frame, "deso", source, municipalities)

    def _functions(
        self, source: SourceSettings, municipalities: gpd.GeoDataFrame | None
    ) -> gpd.GeoDataFrame | None:
        where = f"{source.path.name}, layer functions"
        extract = source.path.suffix.casefold() == ".pbf" and "kind" not in source.columns
        if extract:  # of all its buildings, those that are societal functions
            chosen = {
                "layer": source.layer or "buildings",
                "where": source.where or osm_condition(),
            }
            source = source.model_copy(update=chosen)
            frame = self._layer("functions", source, kind="premises")
            frame["kind"] = osm_kind(frame)
        else:
            frame = self._layer("functions", source, kind="premises", required=("kind",))
        if municipalities is None:
            return None
        placed = place_functions(frame, municipalities, provenance=source.provenance, where=where)
        self.set_aside.append(
            pd.DataFrame({"row": frame.index[placed.outside]}).assign(
                layer="functions",
                file=source.path.name,
                id=None,
                reason="lies in no municipality of the region",
            )
        )
        check_table(placed.frame, FUNCTIONS, where=where)
        return placed.frame

    def _later(
        self, source: SourceSettings, municipalities: gpd.GeoDataFrame | None
    ) -> gpd.GeoDataFrame:
        frame = self._layer("later_connection", source, kind="polygon")
        frame = frame.assign(provenance=source.provenance)
        check_table(frame, LATER_CONNECTION, where=f"{source.path.name}, layer later_connection")
        return self._inside_region(frame, "later_connection", source, municipalities)

    def _inside_region(
        self,
        frame: gpd.GeoDataFrame,
        layer: str,
        source: SourceSettings,
        municipalities: gpd.GeoDataFrame | None,
    ) -> gpd.GeoDataFrame:
        """Keep the polygons that touch a municipality; set the others aside, counted."""
        if municipalities is None:
            return frame
        # SCB's files are those of the whole country.
        inside = np.zeros(len(frame), bool)
        tree = shapely.STRtree(frame.geometry.to_numpy())
        inside[tree.query(municipalities.geometry.to_numpy(), predicate="intersects")[1]] = True
        self.set_aside.append(
            pd.DataFrame({"row": frame.index[~inside]}).assign(
                layer=layer,
                file=source.path.name,
                id=None,
                reason="lies in no municipality of the region",
            )
        )
        return frame[inside].reset_index(drop=True)

    def _totals(self, source: SourceSettings) -> pd.DataFrame:
        totals = self._table(
            "totals",
            source,
            required=("municipality_code",),
            numeric=("households", "population"),
            id_column="municipality_code",
        )
        if not {"households", "population"} & set(totals.columns):
            listed = ", ".join(map(str, totals.columns))
            msg = f"there is neither a column households nor population; there is: {listed}"
            raise MissingColumnError(
                msg, where=f"{source.path.name}, layer totals", fix="name one of them in columns"
            )
        return totals

    def _premises(
        self,
        source: SourceSettings,
        municipalities: gpd.GeoDataFrame | None,
        localities: gpd.GeoDataFrame | None,
        deso: gpd.GeoDataFrame | None,
        totals: pd.DataFrame | None,
    ) -> gpd.GeoDataFrame | None:
        frame = self._layer(
            "premises",
            source,
            kind="premises",
            required=("premises_id",),
            numeric=("households", "workplaces", "holiday_homes"),
            id_column="premises_id",
        )
        if municipalities is None:  # their fault is noted; that of this file has been looked for
            return None
        derived = "households" not in frame
        shared = totals is not None or self.region.sources.population
        if derived and shared and len(self.region.sources.premises) > 1:
            msg = (
                "households are derived, and totals or a population grid can be shared out over"
                " one file only"
            )
            raise GeodataError(
                msg, where="layer premises", fix="join the files of [sources.premises] into one"
            )
        if derived:
            frame[["households", "workplaces", "holiday_homes"]] = derive_households(frame)
            if self._lay_population(frame, municipalities, totals):
                totals = None  # they are in it already
        scaled_to = totals if derived and totals is not None and "households" in totals else None
        premises, set_aside = build_premises(
            frame,
            municipalities,
            localities=localities,
            deso=deso,
            totals=scaled_to,
            derived=derived,
            provenance=source.provenance,
            layer="premises",
            file=source.path.name,
        )
        self.set_aside.append(set_aside)
        self.files[-1]["rows_not_premises"] = len(set_aside)
        if premises.empty:
            msg = (
                "no building in it holds a household, a workplace or a holiday home inside a"
                " municipality"
            )
            raise EmptyLayerError(msg, where=f"{source.path.name}, layer premises")
        near = int(premises.attrs.get("near_border", 0))
        if near:
            self.findings.append(
                Finding(
                    rule="outside-border",
                    severity="info",
                    layer="premises",
                    file=source.path.name,
                    rows=near,
                    message="lie outside every municipality, but within 200 m of one, and are"
                    " counted there",
                    fix="use detailed boundaries: generalised ones leave out shores and islands",
                )
            )
        wrong = municipality_mismatches(frame, municipalities)
        if len(wrong):
            self.findings.append(
                Finding(
                    rule="municipality-code",
                    severity="warning",
                    layer="premises",
                    file=source.path.name,
                    rows=len(wrong),
                    message="the municipality code is another than that of the polygon it lies in;"
                    " the polygon decides",
                    fix="check the codes, or the year of the boundaries",
                )
            )
        check_table(premises, PREMISES, where=f"{source.path.name}, layer premises")
        return premises

    def _roads(self, source: SourceSettings) -> gpd.GeoDataFrame:
        frame = self._layer("roads", source, kind="line")
        if "road_class" not in frame:
            frame["road_class"] = ""
        # as_text wants rows numbered without gaps; here some may have been set aside.
        classes = as_text(frame["road_class"].reset_index(drop=True)).fillna("")
        frame["road_class"] = classes.astype("str").to_numpy()
        known = {*self.region.prices.surfaces, *self.region.buildout.no_dig}
        strange = frame["road_class"][~frame["road_class"].isin(known)]
        if len(strange):
            listed = ", ".join(repr(name) for name in strange.value_counts().index[:8])
            self.findings.append(
                Finding(
                    rule="road-class-without-price",
                    severity="warning" if len(strange) > len(frame) / 2 else "info",
                    layer="roads",
                    file=source.path.name,
                    rows=len(strange),
                    message=f"their class has no surface of its own: {listed}; priced as"
                    f" {self.region.prices.other_surface}",
                    fix="add the classes to surfaces under [prices], or to no_dig",
                )
            )
        return frame.assign(provenance=source.provenance)

    def _ground(self, municipalities: gpd.GeoDataFrame | None) -> Ground:
        """Look into the rasters of the ground, which are read where roads are, and the areas."""
        settings = self.region.ground
        rasters: dict[str, tuple[Source, ...]] = {}
        for layer, name in LAYERS.items():
            if not any(one.layer == layer for one in settings.classes):
                self._unused(name, f"[[ground.classes]] of layer {layer}")
                continue
            found: list[Source] = []
            for source in getattr(self.region.sources, name):

                def look(name: str = name, source: SourceSettings = source) -> Source:
                    return self._ground_raster(name, source)

                given = self.guard(look)
                found += [] if given is None else [given]
            rasters[layer] = tuple(found)
        protected = None
        if settings.protected:
            protected = self._together("protected", lambda s: self._protected(s, municipalities))
        else:
            self._unused("protected", "[[ground.protected]]")
        return Ground(settings, rasters, self._water() if settings.overland else None, protected)

    def _unused(self, name: str, missing: str) -> None:
        """Tell that a layer is given that no setting says anything of."""
        for source in getattr(self.region.sources, name):
            self.findings.append(
                Finding(
                    rule="ground-not-used",
                    severity="warning",
                    layer=name,
                    file=source.path.name,
                    rows=0,
                    message="is not used, since no setting says what it does",
                    fix=f"write {missing} in region.toml, or take the source away",
                )
            )

    def _ground_raster(self, name: str, source: SourceSettings) -> Source:
        """Refuse a raster that cannot be used before anything long is begun."""
        given = source.resolve(self.region.folder)
        with open_raster(given, name=name) as raster:
            raster_crs(raster, given)
            raster_band(raster, given)
            pixels = raster.width * raster.height
        self._note_raster(name, source, pixels=pixels)
        return given

    def _protected(
        self, source: SourceSettings, municipalities: gpd.GeoDataFrame | None
    ) -> gpd.GeoDataFrame:
        frame = self._layer("protected", source, kind="polygon")
        frame = frame.assign(provenance=source.provenance)
        return self._inside_region(frame, "protected", source, municipalities)

    def _fibre(self, source: SourceSettings) -> gpd.GeoDataFrame:
        given = source.resolve(self.region.folder)
        if is_ofds(given.path):
            layer = read_ofds_layer(given, crs=self.region.region.crs, extent=self.extent)
            self._note("fibre", source, layer)
            return layer.frame.assign(provenance=source.provenance)
        return self._layer("fibre", source, kind="line").assign(provenance=source.provenance)

    def _grid(self, source: SourceSettings) -> gpd.GeoDataFrame:
        given = source.resolve(self.region.folder)
        if given.path.suffix.casefold() in RASTERS:
            cells = grid_from_raster(given, crs=self.region.region.crs, extent=self.extent)
            self._note_raster("population", source, cells=len(cells))
            return cells
        numeric = ("population",)
        if source.cell_m is not None:
            return self._cells("population", source, required=numeric, numeric=numeric)
        return self._layer("population", source, kind="polygon", required=numeric, numeric=numeric)

    def _lay_population(
        self,
        frame: gpd.GeoDataFrame,
        municipalities: gpd.GeoDataFrame,
        totals: pd.DataFrame | None,
    ) -> bool:
        """Lay the population grid on buildings whose households are not known."""
        grid = self._together("population", self._grid)
        if grid is None:
            return False
        known = totals is not None and "population" in totals
        laid = lay_population(
            frame,
            municipalities,
            grid,
            capacity=frame["households"].to_numpy(),
            totals=totals[["municipality_code", "population"]] if known else None,  # type: ignore[index]
            water=self._water(),
            file=self.region.sources.population[0].path.name,
        )
        place = locate_buildings(frame, municipalities)
        frame["households"] = households_from_population(
            laid.persons, place, totals, frame["premises_id"]
        ).to_numpy()
        self.set_aside.append(laid.set_aside)
        self.findings.extend(laid.findings)
        self.population = laid.table
        return True

    def _water(self) -> gpd.GeoDataFrame | None:
        """Read lakes and sea, once, when they are needed."""
        if not self.water:
            read = self._together("water", lambda s: self._layer("water", s, kind="polygon"))
            self.water.append(read)
        return self.water[0]

    def _mobile(self) -> tuple[MobileLayer, ...]:
        layers: list[MobileLayer] = []
        for source in self.region.sources.mobile:

            def read(source: SourceSettings = source) -> None:
                layers.extend(self._mobile_layers(source))

            self.guard(read)
        return tuple(layers)

    def _mobile_layers(self, source: SourceSettings) -> list[MobileLayer]:
        given = source.resolve(self.region.folder)
        where = f"{given.path.name}, layer mobile"
        if given.path.suffix.casefold() in RASTERS:
            said = source.constants
            missing = [name for name in ("operator", "technology") if name not in said]
            if missing:
                msg = f"a raster does not say {' or '.join(missing)}, and region.toml does not"
                fix = 'write constants = { operator = "…", technology = "lte" } under it'
                raise MissingColumnError(msg, where=where, fix=fix)
            technology = normalise_technology(pd.Series([said["technology"]]), where=where)[0]
            self._note_raster("mobile", source)
            return [
                MobileLayer(
                    operator=str(said["operator"]),
                    technology=str(technology),
                    source=given,
                    threshold=float(said.get("threshold", 1)),
                )
            ]
        frame = self._layer("mobile", source, kind="polygon", required=("operator", "technology"))
        frame["technology"] = normalise_technology(frame["technology"], where=where)
        return [
            MobileLayer(operator=str(operator), technology=str(technology), areas=areas)
            for (operator, technology), areas in frame.groupby(["operator", "technology"])
        ]

    def _note_raster(self, name: str, source: SourceSettings, **facts: Any) -> None:
        given = source.resolve(self.region.folder)
        self.files.append(
            {
                "layer": name,
                "path": self.region.relative(given.path),
                "file": given.path.name,
                "sha256": sha256(check_file(given, name=name)),
                **facts,
                "provenance": source.provenance,
                "source": source.source,
                "licence": source.licence,
                "year": source.year,
            }
        )

    def _connected(self, source: SourceSettings) -> gpd.GeoDataFrame:
        frame = self._layer(
            "connected", source, kind="point", numeric=("speed_mbit", "upload_mbit")
        )
        if "technology" not in frame:
            frame["technology"] = "fibre"
        frame["technology"] = normalise_technology(
            frame["technology"], where=f"{source.path.name}, layer connected"
        )
        return frame.assign(provenance=source.provenance)

    def _offers(self, source: SourceSettings, premises: gpd.GeoDataFrame | None) -> pd.DataFrame:
        frame = self._table("offers", source, required=("premises_id", "accepted"))
        return self._of_buildings(frame, "offers", source, premises)

    def _of_buildings(
        self,
        frame: pd.DataFrame,
        name: str,
        source: SourceSettings,
        premises: gpd.GeoDataFrame | None,
    ) -> pd.DataFrame:
        """Set aside the rows that name a building which is not among the premises."""
        if premises is None:
            return frame
        ids = frame["premises_id"].astype("str")
        known = ids.isin(premises["premises_id"]).to_numpy()
        if len(known) and not known.any():
            theirs, ours = str(ids.iloc[0]), str(premises["premises_id"].iloc[0])
            msg = (
                f"none of the {len(frame)} rows names a building that is there: it says"
                f" {theirs!r}, the premises {ours!r}"
            )
            raise BadValueError(
                msg,
                where=f"{source.path.name}, layer {name}",
                fix="use the same building ids in both, written the same way",
            )
        self.set_aside.append(
            pd.DataFrame({"row": frame.index[~known], "id": ids[~known].to_numpy()}).assign(
                layer=name, file=source.path.name, reason=NO_BUILDING
            )
        )
        return frame[known]

    def _by_id_or_area(
        self, name: str, premises: gpd.GeoDataFrame | None
    ) -> tuple[pd.DataFrame | None, gpd.GeoDataFrame | None]:
        """Read coverage or plans: tables by building, rasters sampled at them, or polygons."""
        tables: list[pd.DataFrame] = []
        polygons: list[pd.DataFrame] = []
        required = ("technology", "speed_mbit") if name == "coverage" else ()
        numeric = ("speed_mbit", "upload_mbit") if name == "coverage" else ("speed_mbit", "year")
        for source in getattr(self.region.sources, name):

            def read(source: SourceSettings = source) -> None:
                given = source.resolve(self.region.folder)
                if given.path.suffix.casefold() in RASTERS:
                    if premises is None:
                        return
                    to, frame = tables, self._raster(name, source, premises)
                elif source.cell_m is not None:
                    to, frame = (
                        polygons,
                        self._cells(name, source, required=required, numeric=numeric),
                    )
                elif (
                    given.path.suffix.casefold() in TABLES
                    or "premises_id" in given.columns
                    or not has_geometry(given)
                ):
                    frame = self._table(
                        name, source, required=("premises_id", *required), numeric=numeric
                    )
                    to, frame = tables, self._of_buildings(frame, name, source, premises)
                else:
                    to, frame = polygons, self._layer(
                        name, source, kind="polygon", required=required, numeric=numeric
                    )  # fmt: skip
                if name == "plans" and "credible" not in frame:
                    frame["credible"] = True  # said of no plan in this file, held of all
                where = f"{given.path.name}, layer {name}"
                if "technology" in frame:
                    frame["technology"] = normalise_technology(frame["technology"], where=where)
                # Here the file can still be named; the steps see all files as one table.
                for column in ("speed_mbit", "upload_mbit"):
                    if column in frame:
                        blank = frame[column].isna() & (name == "plans" or column != "speed_mbit")
                        read_speeds(frame[column][~blank], where, column_name=column)
                if name == "plans" and "year" in frame:
                    read_years(frame["year"], where)
                to.append(frame)

            self.guard(read)
        return (
            pd.concat(tables, ignore_index=True) if tables else None,
            pd.concat(polygons, ignore_index=True) if polygons else None,
        )

    def _cells(self, name: str, source: SourceSettings, **options: Any) -> gpd.GeoDataFrame:
        """Read a table of square cells, given by their lower left corners or SCB's grid ids."""
        given = source.resolve(self.region.folder)
        side = float(source.cell_m or 0)
        if "cell_id" in given.columns and not {"x", "y"} & set(given.columns):
            table = self._table(name, source, **{**options, "required": ("cell_id",)})
            x, y = cell_corners(table["cell_id"], where=f"{given.path.name}, layer {name}")
            frame = gpd.GeoDataFrame(
                table, geometry=cell_boxes(x, y, side), crs=source.crs or "EPSG:3006"
            ).to_crs(self.region.region.crs)
        else:
            points = self._layer(name, source, kind="point", **options)
            x, y = points["x"].to_numpy(), points["y"].to_numpy()
            frame = points.drop(columns=["x", "y"]).set_geometry(cell_boxes(x, y, side))
        if "cell_id" not in frame:
            frame["cell_id"] = name_cells(x, y)
        missing = [column for column in options["required"] if column not in frame]
        if missing:
            msg = f"column {', '.join(missing)} is missing"
            raise MissingColumnError(
                msg, where=f"{given.path.name}, layer {name}", fix="name it under columns"
            )
        return frame

    def _raster(
        self, name: str, source: SourceSettings, premises: gpd.GeoDataFrame
    ) -> pd.DataFrame:
        given = source.resolve(self.region.folder)
        if name == "coverage" and "technology" not in given.constants:
            # Taken for fibre unsaid, a fixed wireless raster would count as wired.
            msg = "a raster holds speeds only, and region.toml does not say of which technology"
            raise MissingColumnError(
                msg,
                where=f"{given.path.name}, layer {name}",
                fix='write constants = { technology = "fibre" } (or another) under'
                " [sources.coverage]",
            )
        value = sample_raster(
            given, premises["x"].to_numpy(), premises["y"].to_numpy(), crs=self.region.region.crs
        )
        met = np.isfinite(value) & (value > 0)
        table = pd.DataFrame(
            {"premises_id": premises["premises_id"][met].to_numpy(), "speed_mbit": value[met]}
        ).assign(**source.constants)
        self._note_raster(name, source, premises_met=int(met.sum()))
        return table


def _check_ids(frame: pd.DataFrame, column: str, layer: str) -> None:
    """Refuse an id that stands in more than one of a layer's files."""
    double = frame[column][frame[column].duplicated()]
    if len(double):
        msg = (
            f"{len(double)} ids of {column} stand in more than one place,"
            f" e.g. {', '.join(double.head(3))}"
        )
        raise DuplicateIdsError(msg, where=f"layer {layer}", fix="keep one row per id")


def _cross_check(inputs: Inputs) -> list[Finding]:
    """Look for what no single file shows: coverage without a building, rows set aside."""
    found = []
    if inputs.coverage is not None:
        apart = coverage_mismatches(inputs.premises, inputs.coverage)
        uncovered = int((apart["missing_in"] == "coverage").sum())
        if uncovered:
            found.append(
                Finding(
                    rule="building-without-coverage",
                    severity="info",
                    layer="coverage",
                    file="",
                    rows=uncovered,
                    message="premises have no row in the coverage table: not connected",
                    fix="nothing, if that is so",
                )
            )
    # Reasons that differ in their numbers only are one finding.
    kind = inputs.set_aside["reason"].str.replace(r"\d+", "N", regex=True)
    for (layer, file, _), rows in inputs.set_aside.groupby(["layer", "file", kind]):
        ids = rows["id"].dropna()
        listed = f" ({', '.join(ids.head(3))}{' …' if len(ids) > 3 else ''})" if len(ids) else ""
        reason = str(rows["reason"].iloc[0])
        rule = "coverage-without-building" if layer == "coverage" else "row-without-building"
        found.append(
            Finding(
                rule=rule if reason == NO_BUILDING else "set-aside",
                severity="info" if "holds no" in reason else "warning",
                layer=str(layer),
                file=str(file),
                rows=len(rows),
                message=f"set aside{listed}: {reason}",
                fix="",
            )
        )
    return found
