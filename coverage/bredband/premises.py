"""Premises: one row per building, with what lives and works in it and where it lies."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.crs import metric_crs, name_crs, same_crs
from bredband_gis.errors import (
    BadValueError,
    DuplicateIdsError,
    EmptyLayerError,
    GeometryError,
    MissingColumnError,
    NoCrsError,
    WrongCrsError,
)
from bredband_gis.points import locate, nearest_line

from bredband.tables import SEGMENTS, SET_ASIDE

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pyproj
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

# How many dwellings a building holds. No source is published for any of these
# figures (mark U); they are chosen for plain reasons and tried on Liechtenstein,
# where they give the right order of magnitude. Where municipal totals are known,
# scale_households() makes the sums right and only the proportions remain.
MIN_HOME_M2: Final = 35.0
"""Footprint below which a building holds no home: sheds, garages, playhouses (U)."""
MIN_UNKNOWN_M2: Final = 50.0
"""The same for ``building=yes``, which is often an outbuilding (U)."""
ONE_HOME_M2: Final = 250.0
"""Up to this footprint a building of unknown kind holds one household (U)."""
MAX_UNKNOWN_M2: Final = 1000.0
"""Above this footprint ``building=yes`` is a workplace, not a home (U)."""
FLAT_M2: Final = 100.0
"""Gross floor area per flat, stairs and walls included (U)."""
TERRACE_M2: Final = 80.0
"""Footprint of one house in a terrace drawn as one building (U)."""
FLATS_LEVELS: Final = 3.0
"""Levels of a block of flats where they are not stated (U)."""
UNKNOWN_LEVELS: Final = 2.0
"""Levels of a large building of unknown kind where they are not stated (U)."""
MAX_LEVELS: Final = 60.0
"""More levels than this is a slip of the pen; no building here has them (U)."""

_NOTHING, _HOUSE, _TERRACE, _FLATS, _RESIDENTIAL, _HOLIDAY, _WORK, _UNKNOWN = range(8)

# OpenStreetMap's values of building=*, with Lantmäteriet's purposes among them.
_KINDS: Final = {
    _NOTHING: """
        no garage garages carport parking shed barn stable cowshed sty farm_auxiliary outbuilding
        roof canopy greenhouse glasshouse greenhouse_horticulture conservatory hut sauna boathouse
        allotment_house silo storage_tank tank slurry_tank digester tower water_tower
        transformer_tower communications_tower chimney bunker service electricity substation
        ruins ruin construction collapsed abandoned demolished proposed church chapel cathedral
        mosque synagogue temple shrine bell_tower religious toilets shelter container tent pavilion
        grandstand bridge gate wall riding_hall hunting_stand komplementbyggnad ekonomibyggnad
    """,
    _HOUSE: """
        house detached semidetached_house semi bungalow farm farmhouse villa houseboat
        static_caravan mobile_home
    """,
    _TERRACE: "terrace terraced_house row_house",
    _FLATS: "apartments tower_block dormitory",
    _RESIDENTIAL: "residential mixed bostad",
    _HOLIDAY: "cabin cottage summer_house summer_cottage holiday_home fritidshus",
    _WORK: """
        commercial retail office offices industrial industry warehouse manufacture factory works
        shop supermarket kiosk hotel hostel motel guest_house hospital clinic school kindergarten
        childcare university college public civic government townhall library police fire_station
        courthouse bank restaurant train_station station transportation terminal hangar museum
        sports_hall sports_centre stadium swimming_pool cinema theatre post_office data_center
        brewery sawmill prison nursing_home gasometer depot industri verksamhet samhällsfunktion
    """,
    _UNKNOWN: "yes övrig",
}
_KIND_OF: Final = {word: kind for kind, words in _KINDS.items() for word in words.split()}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NO: Final = frozenset(["no", "none", "vacant", "disused", "abandoned"])
_NOT_WORK: Final = {
    "amenity": _words(
        """parking parking_space parking_entrance motorcycle_parking bicycle_parking shelter
        toilets shower bench place_of_worship grave_yard crypt waste_disposal waste_basket
        recycling fountain hunting_stand swimming_pool drinking_water water_point vending_machine
        charging_station telephone bbq atm clock scout_hut lavoir game_feeding feeding_place
        watering_place weighbridge monastery"""
    ),
    "man_made": _words(
        """tower silo reservoir_covered storage_tank water_tower water_tank chimney mast bunker_silo
        gasometer tunnel bridge adit mineshaft street_cabinet pumping_station"""
    ),
}
_WORK_ONLY: Final = {
    "tourism": _words(
        """hotel hostel motel guest_house museum gallery zoo theme_park aquarium information
        alpine_hut camp_site caravan_site"""
    ),
    "leisure": _words(
        """sports_centre sports_hall fitness_centre water_park stadium ice_rink bowling_alley
        dance horse_riding amusement_arcade adult_gaming_centre marina"""
    ),
}
_HOLIDAY_TOURISM: Final = frozenset(["chalet", "apartment"])

_LEVEL_COLUMNS: Final = ("levels", "building:levels", "building_levels")
_FLAT_COLUMNS: Final = ("flats", "building:flats", "building_flats")

_SEGMENT_OF: Final = {"tatort": "tätort", "smaort": "småort", "utanfor": "utanför"}
_COUNTS: Final = ("households", "workplaces", "holiday_homes")


def derive_households(buildings: gpd.GeoDataFrame) -> pd.DataFrame:
    """Work out from kind, footprint and levels what each building holds.

    Houses hold one household, terraces one per 80 m² of footprint, blocks of
    flats one per 100 m² of floor. ``building=yes`` and ``residential`` hold one
    up to 250 m² and are blocks of flats above; ``yes`` above 1 000 m², or with a
    shop, an office, an amenity and the like, is a workplace. Garages, sheds,
    barns, roofs, greenhouses, churches and everything smaller than 35 m² hold
    nothing. Cabins and chalets are holiday homes. A building with an activity
    is one workplace, however large. None of these figures is published
    anywhere: they are assumptions (mark U), named as constants of this module.

    Parameters
    ----------
    buildings : GeoDataFrame
        Polygons in a projected metric CRS. Columns, each of which may be missing:
        building (or OpenStreetMap's values), levels (``building:levels``), flats
        (``building:flats``), amenity, shop, office, craft, healthcare, tourism, leisure,
        man_made.

    Returns
    -------
    DataFrame
        households, workplaces, holiday_homes (int64), aligned to the input's index.

    Raises
    ------
    NoCrsError, NotMetricError
        There is no CRS, or one that cannot measure an area.
    GeometryError
        Some geometries have no area to measure: points or lines.
    """
    check_metric(buildings, where="layer buildings")
    shapes = np.asarray(buildings.geometry.array, dtype=object)
    flat = np.isin(shapely.get_type_id(shapes), [0, 1, 2, 4, 5])
    if flat.any():
        msg = f"{flat.sum()} of {len(flat)} buildings are points or lines, which have no area"
        raise GeometryError(
            msg, fix="give building polygons, or a column households with the number in each"
        )
    area = np.nan_to_num(shapely.area(shapes))

    kind = _kinds(buildings)
    work = _at_work(buildings)
    resort = _tagged(buildings, "tourism", among=_HOLIDAY_TOURISM)
    no_home = _tagged(buildings, "amenity") | _tagged(buildings, "man_made")

    # A tag of its own says more than building=yes does.
    unknown = kind == _UNKNOWN
    kind[unknown & resort] = _HOLIDAY
    kind[unknown & ~resort & (work | no_home)] = _NOTHING
    kind[unknown & (area < MIN_UNKNOWN_M2)] = _NOTHING
    kind[(kind == _UNKNOWN) & (area > MAX_UNKNOWN_M2)] = _WORK
    kind[(kind == _HOUSE) & resort] = _HOLIDAY
    kind[(area < MIN_HOME_M2)] = _NOTHING

    levels = _first_number(buildings, _LEVEL_COLUMNS)
    levels[~(levels >= 1) | (levels > MAX_LEVELS)] = np.nan
    floor = area * np.where(
        np.isnan(levels), np.where(kind == _FLATS, FLATS_LEVELS, UNKNOWN_LEVELS), levels
    )
    in_flats = np.maximum(1, np.rint(floor / FLAT_M2))
    stated = _first_number(buildings, _FLAT_COLUMNS)
    either = (kind == _RESIDENTIAL) | (kind == _UNKNOWN)
    households = np.select(
        [
            (either | (kind == _FLATS) | (kind == _HOUSE) | (kind == _TERRACE)) & (stated >= 1),
            kind == _HOUSE,
            kind == _TERRACE,
            kind == _FLATS,
            either,
        ],
        [
            np.nan_to_num(stated),
            1,
            np.maximum(1, np.rint(area / TERRACE_M2)),
            in_flats,
            np.where(area <= ONE_HOME_M2, 1, in_flats),
        ],
        default=0,
    )
    return pd.DataFrame(
        {
            "households": households.astype(np.int64),
            "workplaces": ((kind == _WORK) | work).astype(np.int64),
            "holiday_homes": (kind == _HOLIDAY).astype(np.int64),
        },
        index=buildings.index,
    )


def scale_households(
    households: pd.Series[int] | Ints,
    municipality_code: pd.Series[str] | NDArray[Any],
    totals: pd.DataFrame,
    *,
    ids: pd.Series[str] | NDArray[Any] | None = None,
) -> Ints:
    """Scale derived households so that each municipality adds up to its total.

    Largest remainder in whole numbers: each building gets the whole part of its
    proportional share, and those with the largest remainders one more. Equal
    remainders are told apart by a hash of the id, so that what is left over is
    strewn over the municipality and does not follow the order of the rows.

    Parameters
    ----------
    households : array of int, shape (n,)
        Derived households per building; a building with 0 stays at 0.
    municipality_code : array of str, shape (n,)
        Municipality of each building.
    totals : DataFrame
        municipality_code, households. A municipality without a row keeps its numbers.
    ids : array of str, shape (n,), optional
        Building ids; without them the row number stands in.

    Returns
    -------
    array of int64, shape (n,)

    Raises
    ------
    MissingColumnError, DuplicateIdsError, BadValueError
        The totals lack a column, name a municipality twice, or hold something that
        is not a whole number of households; or a municipality has households but no
        building to put them in.
    """
    counts = np.asarray(households, dtype=np.int64)
    wanted = _totals(totals)
    group, names = pd.factorize(_code_keys(pd.Series(municipality_code)))
    base = np.bincount(group, weights=counts, minlength=len(names)).astype(np.int64)
    target = pd.Series(wanted).reindex(names)

    held = dict(zip(names, base, strict=True))
    empty = [code for code, total in wanted.items() if total > 0 and held.get(code, 0) == 0]
    if empty:
        msg = (
            f"{len(empty)} municipalities have households but no building that can hold them:"
            f" {_some(empty)}"
        )
        raise BadValueError(
            msg,
            where=f"totals, {len(empty)} of {len(wanted)} rows",
            fix="check that the buildings cover the municipality and that the codes agree",
        )

    scaled = target.notna().to_numpy() & (base > 0)
    goal = target.fillna(0).to_numpy().astype(np.int64)
    product = counts * goal[group]
    divisor = np.maximum(base, 1)[group]
    whole, remainder = np.divmod(product, divisor)
    # Doubles hold these sums exactly: they stay far below 2**53.
    placed = np.bincount(group, weights=whole, minlength=len(names)).astype(np.int64)
    if ids is None:
        ids = np.arange(len(counts))
    chance = pd.util.hash_array(np.asarray(ids))
    order = np.lexsort((chance, -remainder, group))
    start = np.searchsorted(group[order], np.arange(len(names)))
    rank = np.arange(len(order)) - start[group[order]]
    extra = np.zeros(len(counts), dtype=np.int64)
    extra[order] = rank < (goal - placed)[group[order]]
    return np.where(scaled[group], whole + extra, counts)


def build_premises(
    source: gpd.GeoDataFrame,
    municipalities: gpd.GeoDataFrame,
    *,
    localities: gpd.GeoDataFrame | None = None,
    deso: gpd.GeoDataFrame | None = None,
    totals: pd.DataFrame | None = None,
    derived: bool = False,
    provenance: str = "real",
    layer: str = "premises",
    file: str = "",
    border_tolerance_m: float = 200.0,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Make one row per building with households, workplaces or holiday homes.

    The geometry decides the municipality; :func:`municipality_mismatches` lists
    where a code in the source says otherwise. Every row of the source comes out
    either as a premises or as set aside.

    Parameters
    ----------
    source : GeoDataFrame
        Points or polygons in a projected metric CRS: premises_id and, unless
        ``derived``, households; workplaces and holiday_homes are 0 where missing.
    municipalities : GeoDataFrame
        tables.MUNICIPALITIES, same CRS.
    localities : GeoDataFrame, optional
        Polygons with segment (tätort or småort), same CRS. Where they overlap a
        tätort wins. Without them segment is empty. With locality_code, each premises
        gets the code of the locality that it lies in.
    deso : GeoDataFrame, optional
        Polygons with deso_code, same CRS: each premises gets the code of its own.
    totals : DataFrame, optional
        municipality_code, households: derived households are scaled to these.
        Households that the source states itself are never scaled.
    derived : bool
        The households are not known but derived: worked out here from the buildings
        (see :func:`derive_households`) where the source has no column households.
    provenance : str
        real, derived or synthetic. Derived households make real ones derived.
    layer, file : str
        Named in the set-aside table and in messages.
    border_tolerance_m : float
        A building outside every municipality but this near one belongs to it, m.
        Generalised boundaries lose islands and shores; 200 m has no published
        source (U). The number of such buildings is in ``attrs["near_border"]``.

    Returns
    -------
    premises : GeoDataFrame
        tables.PREMISES with a point inside each building.
    set_aside : DataFrame
        tables.SET_ASIDE: no geometry, outside every municipality, or empty.

    Raises
    ------
    MissingColumnError, BadValueError, DuplicateIdsError, GeometryError
    NoCrsError, NotMetricError, WrongCrsError
        The source cannot be understood; the message says where and how many rows.
    EmptyLayerError
        Every row was set aside.
    """
    where = ", ".join(part for part in (file, f"layer {layer}") if part)
    crs = check_metric(source, where=where)
    check_same_crs(municipalities, crs, where="layer municipalities")
    ids = _ids(source, where)
    codes = _column(municipalities, "municipality_code", "layer municipalities").astype("str")
    points, x, y = _points(source, where)
    area, near = _municipality(x, y, municipalities, border_tolerance_m)
    counts = (
        derive_households(source)
        if derived and "households" not in source
        else pd.DataFrame({name: _whole_numbers(source, name, ids, where) for name in _COUNTS})
    ).to_numpy(copy=True)

    no_shape, outside = np.isnan(x), area < 0
    nothing = counts.sum(axis=1) == 0
    kept = np.flatnonzero(~(no_shape | outside | nothing))
    reasons = np.select(
        [no_shape, outside, nothing],
        ["has no geometry", "lies outside every municipality", _HOLDS_NOTHING],
        default="",
    ).astype(object)

    unscaled = 0
    if derived and totals is not None and len(kept):
        wanted, unscaled = _totals_here(totals, codes)
        code = codes.to_numpy()[area[kept]]
        counts[kept, 0] = scale_households(counts[kept, 0], code, wanted, ids=ids.to_numpy()[kept])
        emptied = kept[counts[kept].sum(axis=1) == 0]
        reasons[emptied] = "no household left when scaled to the municipality's total"
        kept = kept[counts[kept].sum(axis=1) > 0]

    set_aside = _set_aside(source, ids, reasons, layer, file)
    if not len(kept):
        msg = f"none of the {len(source)} rows is a premises: " + "; ".join(
            f"{number} {reason}" for reason, number in set_aside["reason"].value_counts().items()
        )
        fix = "check that the premises and the municipalities are of the same part of the world"
        raise EmptyLayerError(msg, where=where, fix=fix)

    if derived and provenance == "real":
        provenance = "derived"
    segments, locality = _segments(x[kept], y[kept], localities, crs)
    premises = gpd.GeoDataFrame(
        {
            "premises_id": ids.to_numpy()[kept],
            "x": x[kept],
            "y": y[kept],
            "households": counts[kept, 0],
            "workplaces": counts[kept, 1],
            "holiday_homes": counts[kept, 2],
            "municipality_code": codes.to_numpy()[area[kept]],
            "segment": segments,
            "provenance": pd.Series(provenance, index=range(len(kept)), dtype="str"),
        },
        geometry=points[kept],
        crs=source.crs,
    )
    text = ["premises_id", "municipality_code", "segment"]
    if locality is not None:
        premises["locality_code"] = locality
        text.append("locality_code")
    if deso is not None:
        check_same_crs(deso, crs, where="layer deso")
        place = locate(x[kept], y[kept], np.asarray(deso.geometry.array, dtype=object))
        premises["deso_code"] = _named(_column(deso, "deso_code", "layer deso"))[place]
        text.append("deso_code")
    premises[text] = premises[text].astype("str")
    premises.attrs["near_border"] = int(near[kept].sum())
    premises.attrs["municipalities_without_total"] = unscaled
    return premises, set_aside


def locate_buildings(
    source: gpd.GeoDataFrame,
    municipalities: gpd.GeoDataFrame,
    *,
    border_tolerance_m: float = 200.0,
) -> pd.Series[str]:
    """Find the municipality that each building lies in, empty where none.

    Parameters
    ----------
    source : GeoDataFrame
        Points or polygons in a projected metric CRS.
    municipalities : GeoDataFrame
        tables.MUNICIPALITIES, same CRS.
    border_tolerance_m : float
        As in :func:`build_premises`, m.

    Returns
    -------
    Series of str
        municipality_code, aligned to the index of ``source``.
    """
    _, x, y = _points(source, "layer premises")
    area, _ = _municipality(x, y, municipalities, border_tolerance_m)
    codes = _named(_column(municipalities, "municipality_code", "layer municipalities"))
    return pd.Series(codes[area], index=source.index, dtype="str")


def municipality_mismatches(
    source: gpd.GeoDataFrame,
    municipalities: gpd.GeoDataFrame,
    *,
    layer: str = "premises",
    border_tolerance_m: float = 200.0,
) -> pd.DataFrame:
    """List the premises whose stated municipality is not the one they lie in.

    Parameters
    ----------
    source : GeoDataFrame
        premises_id, municipality_code and points or polygons. Rows without a code,
        and sources without the column, have nothing to compare.
    municipalities : GeoDataFrame
        tables.MUNICIPALITIES, same CRS.
    layer : str
        Named in messages.
    border_tolerance_m : float
        As in :func:`build_premises`, m.

    Returns
    -------
    DataFrame
        premises_id, stated_code, municipality_code (where it lies; empty outside all),
        one row per disagreement.
    """
    columns = ["premises_id", "stated_code", "municipality_code"]
    if "municipality_code" not in source:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in columns})
    crs = check_metric(source, where=f"layer {layer}")
    check_same_crs(municipalities, crs, where="layer municipalities")
    ids = _ids(source, f"layer {layer}")
    _, x, y = _points(source, f"layer {layer}")
    area, _ = _municipality(x, y, municipalities, border_tolerance_m)
    codes = municipalities["municipality_code"].astype("str")
    true = pd.Series(
        codes.reset_index(drop=True).reindex(area).to_numpy(), dtype="str"
    )  # -1 is none
    stated = source["municipality_code"].reset_index(drop=True)
    differs = stated.notna() & (_code_keys(stated) != _code_keys(true))
    return pd.DataFrame(
        {
            "premises_id": ids[differs],
            "stated_code": stated[differs].astype("str"),
            "municipality_code": true[differs],
        }
    ).reset_index(drop=True)


def check_metric(frame: gpd.GeoDataFrame, *, where: str) -> pyproj.CRS:
    """Give the CRS of a layer that lengths and areas are measured in.

    Raises
    ------
    NoCrsError, NotMetricError
        It has none, or one that cannot measure a length.
    """
    if frame.crs is None:
        msg = "the layer has no CRS"
        raise NoCrsError(msg, where=where, fix="state it: frame.set_crs('EPSG:3006')")
    return metric_crs(frame.crs)


def check_same_crs(frame: gpd.GeoDataFrame, crs: pyproj.CRS, *, where: str) -> None:
    """Refuse a layer that is not in the CRS of the premises.

    Raises
    ------
    NoCrsError, NotMetricError, WrongCrsError
        It has no CRS, one that cannot measure a length, or another one.
    """
    found = check_metric(frame, where=where)
    if not same_crs(found, crs):
        msg = f"the layer is in {name_crs(found)}, the premises are in {name_crs(crs)}"
        raise WrongCrsError(msg, where=where, fix="bring it over: frame.to_crs(premises.crs)")


_HOLDS_NOTHING: Final = "holds no household, workplace or holiday home"


def _kinds(buildings: gpd.GeoDataFrame) -> NDArray[np.int8]:
    if "building" not in buildings:
        return np.full(len(buildings), _UNKNOWN, dtype=np.int8)
    codes, words = pd.factorize(buildings["building"])
    kinds = [
        _KIND_OF.get(str(word).partition(";")[0].strip().casefold(), _UNKNOWN) for word in words
    ]
    return np.array([*kinds, _UNKNOWN], dtype=np.int8)[codes]  # -1, no tag, takes the last


def _tagged(
    buildings: gpd.GeoDataFrame,
    column: str,
    *,
    among: frozenset[str] | None = None,
    but: frozenset[str] = frozenset(),
) -> NDArray[np.bool_]:
    """Say which buildings have a value in a column, one ``among`` these ``but`` not those."""
    if column not in buildings:
        return np.zeros(len(buildings), dtype=bool)
    codes, values = pd.factorize(buildings[column])
    words = [str(value).strip().casefold() for value in values]
    counts = [word not in but | _NO and (among is None or word in among) for word in words]
    return np.array([*counts, False])[codes]  # -1, no value, takes the last


def _at_work(buildings: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Say which buildings hold an activity with people at work."""
    work = np.zeros(len(buildings), dtype=bool)
    for column in ("shop", "office", "craft", "healthcare"):
        work |= _tagged(buildings, column)
    for column, words in _NOT_WORK.items():
        work |= _tagged(buildings, column, but=words)
    for column, words in _WORK_ONLY.items():
        work |= _tagged(buildings, column, among=words)
    return work


def _first_number(frame: pd.DataFrame, columns: tuple[str, ...]) -> Floats:
    """Read the number that a text begins with, "2;3" as 2, from the first column that has one."""
    found = np.full(len(frame), np.nan)
    for name in columns:
        if name in frame:
            text = frame[name].astype("str").str.replace(",", ".")
            number = text.str.extract(r"^\s*(\d+(?:\.\d+)?)", expand=False).astype("float64")
            found = np.where(np.isnan(found), number.to_numpy(), found)
    return found


def _column(frame: pd.DataFrame, name: str, where: str) -> pd.Series[Any]:
    if name not in frame:
        msg = f"column {name} is missing; found: {', '.join(map(str, frame.columns))}"
        fix = f'name it in region.toml: columns = {{ {name} = "the file\'s name for it" }}'
        raise MissingColumnError(msg, where=where, fix=fix)
    column: pd.Series[Any] = frame[name]
    return column


def _ids(source: pd.DataFrame, where: str) -> pd.Series[str]:
    column = _column(source, "premises_id", where).reset_index(drop=True)
    if column.isna().any():
        msg = f"premises_id is empty on {column.isna().sum()} of {len(column)} rows"
        raise BadValueError(msg, where=where, fix="give every building an id of its own")
    ids = column.astype("str")
    twice = ids[ids.duplicated()]
    if len(twice):
        msg = f"{len(twice)} of {len(ids)} rows repeat a premises_id: {_some(twice.unique())}"
        raise DuplicateIdsError(
            msg, where=where, fix="keep one row per building and add its households together"
        )
    return ids


def _points(source: gpd.GeoDataFrame, where: str) -> tuple[NDArray[Any], Floats, Floats]:
    """Give a point in each building, with its coordinates; nan where there is no geometry."""
    shapes = np.asarray(source.geometry.array, dtype=object)
    types = shapely.get_type_id(shapes)
    wrong = np.isin(types, [1, 2, 4, 5, 7])
    if wrong.any():
        msg = f"{wrong.sum()} of {len(wrong)} geometries are neither points nor polygons"
        raise GeometryError(msg, where=where, fix="give each building as a point or a polygon")
    points = shapes.copy()
    polygon = np.isin(types, [3, 6])
    points[polygon] = shapely.point_on_surface(shapes[polygon])
    points = shapely.force_2d(points)
    return points, shapely.get_x(points), shapely.get_y(points)


def _municipality(
    x: Floats, y: Floats, municipalities: gpd.GeoDataFrame, tolerance: float
) -> tuple[Ints, NDArray[np.bool_]]:
    """Give the row of the municipality of each point, -1 for none, and who is only near one."""
    polygons = np.asarray(municipalities.geometry.array, dtype=object)
    found = np.full(len(x), -1, dtype=np.int64)
    known = np.flatnonzero(~np.isnan(x))
    found[known] = locate(x[known], y[known], polygons)
    near = np.zeros(len(x), dtype=bool)
    lost = known[found[known] < 0]
    if len(lost) and tolerance > 0:
        border = shapely.boundary(polygons)
        found[lost] = nearest_line(x[lost], y[lost], border, max_distance=tolerance).line
        near[lost] = found[lost] >= 0
    return found, near


def _segments(
    x: Floats,
    y: Floats,
    localities: gpd.GeoDataFrame | None,
    crs: pyproj.CRS,
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Give each point's segment, and the code of its locality where localities have codes."""
    if localities is None:
        return np.full(len(x), None, dtype=object), None
    where = "layer localities"
    check_same_crs(localities, crs, where=where)
    given = _column(localities, "segment", where)
    codes, words = pd.factorize(given)
    known = [_SEGMENT_OF.get(_plain(word)) for word in words]
    wrong = np.array([*(name is None for name in known), True])[codes]
    if wrong.any():
        values = _some(given[wrong].fillna("(empty)").unique())
        msg = f"column segment holds something else than tätort or småort: {values}"
        rows = f"{where}, {wrong.sum()} of {len(given)} rows"
        raise BadValueError(msg, where=rows, fix="write tätort (200 or more) or småort (50-199)")
    # tätort first, so that it wins where two overlap.
    rank = np.array([SEGMENTS.index(name) for name in known if name] or [0])[codes]
    order = np.argsort(rank, kind="stable")
    polygons = np.asarray(localities.geometry.array, dtype=object)[order]
    found = locate(x, y, polygons)
    names = np.array([*(SEGMENTS[r] for r in rank[order]), SEGMENTS[-1]], dtype=object)
    segments: NDArray[Any] = names[found]  # -1, in none, takes the last
    if "locality_code" not in localities:
        return segments, None
    return segments, _named(localities["locality_code"].iloc[order])[found]


def _named(codes: pd.Series[Any]) -> NDArray[Any]:
    """Give codes as text, with None at the end for whatever lies in none."""
    text = codes.astype("str").where(codes.notna(), None)
    return np.array([*text, None], dtype=object)


def _plain(word: Hashable) -> str:
    """Fold case and accents: Tätort, TÄTORT and tatort are one word."""
    parts = unicodedata.normalize("NFKD", str(word).strip().casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


def _whole_numbers(source: pd.DataFrame, name: str, ids: pd.Series[str], where: str) -> Ints:
    if name not in source and name != "households":
        return np.zeros(len(source), dtype=np.int64)
    given = _column(source, name, where).reset_index(drop=True)
    number = pd.to_numeric(given, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    faults = {
        "empty or no number": ~np.isfinite(number),
        "negative": number < 0,
        "not whole": np.isfinite(number) & (number != np.floor(number)),
    }
    wrong = np.logical_or.reduce(list(faults.values()))
    if wrong.any():
        kinds = ", ".join(f"{rows.sum()} {kind}" for kind, rows in faults.items() if rows.any())
        first = [f"{ids[i]} = {given[i]}" for i in np.flatnonzero(wrong)[:5]]
        msg = f"column {name} must hold whole numbers from 0: {kinds}; first: {'; '.join(first)}"
        rows = f"{where}, {wrong.sum()} of {len(wrong)} rows"
        fix = "correct the values; write 0 where there are none"
        raise BadValueError(msg, where=rows, fix=fix)
    return number.astype(np.int64)


def _totals(totals: pd.DataFrame) -> dict[str, int]:
    """Give the households of each municipality code, checked."""
    where = "totals"
    code = _code_keys(_column(totals, "municipality_code", where))
    if code.duplicated().any():
        msg = f"a municipality stands on more than one row: {_some(code[code.duplicated()])}"
        raise DuplicateIdsError(msg, where=where, fix="keep one row per municipality")
    names = totals["municipality_code"].astype("str").reset_index(drop=True)
    numbers = _whole_numbers(totals, "households", names, where)
    return dict(zip(code, numbers.tolist(), strict=True))


def _totals_here(totals: pd.DataFrame, codes: pd.Series[str]) -> tuple[pd.DataFrame, int]:
    """Keep the totals of these municipalities, and count those that have none."""
    given = _code_keys(_column(totals, "municipality_code", "totals"))
    here = _code_keys(codes)
    missing = int((~here.isin(given)).sum())
    if missing == len(here):
        msg = f"no municipality code agrees with the municipalities: {_some(given)}"
        fix = f"use the municipalities' own codes, such as {codes.iloc[0]}"
        raise BadValueError(msg, where=f"totals, {len(totals)} rows", fix=fix)
    return totals[given.isin(here).to_numpy()], missing


def _code_keys(codes: pd.Series[Any]) -> pd.Series[str]:
    """Make codes comparable: 0180, "180" and 180.0 are one municipality."""
    text = codes.astype("str").reset_index(drop=True).str.strip()
    return text.str.replace(r"\.0+$", "", regex=True).str.lstrip("0")


def _set_aside(
    source: pd.DataFrame, ids: pd.Series[str], reasons: NDArray[Any], layer: str, file: str
) -> pd.DataFrame:
    rows = np.flatnonzero(reasons != "")
    # Readers keep the file's own row numbers as the index; a made frame may have any.
    number = source.index.to_numpy() if pd.api.types.is_integer_dtype(source.index) else None
    table = pd.DataFrame(
        {
            "layer": pd.Series(layer, index=range(len(rows)), dtype="str"),
            "file": pd.Series(file, index=range(len(rows)), dtype="str"),
            "row": (rows if number is None else number[rows]).astype(np.int64),
            "id": ids.to_numpy()[rows],
            "reason": reasons[rows],
        }
    )
    text = ["id", "reason"]
    table[text] = table[text].astype("str")
    return table[list(SET_ASIDE.columns)]


def _some(values: Any, most: int = 5) -> str:
    listed = [str(value) for value in values]
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
