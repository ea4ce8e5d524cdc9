"""What a building holds, worked out from its kind, its footprint and its levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import shapely
from bredband_gis.errors import GeometryError

from bredband.placed import check_metric

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

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
