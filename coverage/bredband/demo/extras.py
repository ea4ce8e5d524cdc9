"""Made-up particulars of the example region: whose networks, uploads, offers, mobile coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import shapely
from scipy import ndimage

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    import numpy.typing as npt

    from bredband.demo.terrain import Field

    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]

OPERATORS: Final = {
    "fibre": "Stadsnätet", "docsis": "Kabelnätet", "vdsl": "Kopparnätet", "xdsl": "Kopparnätet",
    "fwa": "Radionätet",
}  # fmt: skip
"""Made-up owners of the made-up networks."""

SECOND_FIBRE: Final = "Andra fibernätet"

UPLOAD: Final = {"fibre": 1.0, "docsis": 0.1, "vdsl": 0.25, "xdsl": 0.125, "fwa": 0.2}
"""Upload as a share of the download; chosen here."""

MOBILE: Final = {"Mobilnätet A": (9_000.0, 17_000.0), "Mobilnätet B": (7_000.0, 26_000.0)}
"""Made-up operators: how far a mast reaches, and how far apart they stand along roads, m."""

PIXEL_M: Final = 250.0
_MAIN_ROADS: Final = ("trunk", "primary", "secondary")


def add_networks(
    coverage: pd.DataFrame, premises: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Say of each row of coverage whose network it is and what its upload is.

    One in eight buildings with fibre in tätorter has a second, independent fibre network.

    Parameters
    ----------
    coverage : DataFrame
        premises_id, technology, speed_mbit.
    premises : DataFrame
        premises_id, in_tatort.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    DataFrame
        With upload_mbit and operator, sorted by building, technology and operator.
    """
    table = coverage.assign(
        upload_mbit=coverage["speed_mbit"] * coverage["technology"].map(UPLOAD).astype("float64"),
        operator=coverage["technology"].map(OPERATORS),
    )
    inside = table["premises_id"].map(premises.set_index("premises_id")["in_tatort"])
    chosen = (table["technology"] == "fibre") & inside.to_numpy(dtype=bool)
    chosen &= rng.uniform(size=len(table)) < 1 / 8
    second = table[chosen].assign(operator=SECOND_FIBRE)
    table = pd.concat([table, second], ignore_index=True)
    return table.sort_values(["premises_id", "technology", "operator"], ignore_index=True)


def make_offers(
    premises: pd.DataFrame, coverage: pd.DataFrame, served: Bools, rng: np.random.Generator
) -> pd.DataFrame:
    """Say who got an offer of 100 Mbit/s and who accepted.

    All that fibre or cable reaches got one. Those connected accepted it; of those passed,
    one in ten has accepted and waits.

    Parameters
    ----------
    premises : DataFrame
        premises_id, households.
    coverage : DataFrame
        premises_id, technology, speed_mbit.
    served : ndarray of bool
        Per premises, connected at 100 Mbit/s or passed.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    DataFrame
        premises_id, offered and accepted, numbers of households.
    """
    fast = coverage[
        (coverage["speed_mbit"] >= 100) & coverage["technology"].isin(["fibre", "docsis"])
    ]
    connected = premises["premises_id"].isin(fast["premises_id"]).to_numpy()
    households = premises["households"].to_numpy()
    waiting = ~connected & (rng.uniform(size=len(premises)) < 0.1)
    asked = (connected | served) & (households > 0)
    return pd.DataFrame(
        {
            "premises_id": premises["premises_id"].to_numpy()[asked],
            "offered": households[asked],
            "accepted": np.where(connected | waiting, households, 0)[asked],
        }
    )


def write_mobile(
    folder: Path,
    places: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame,
    polygons: gpd.GeoSeries,
    patches: Field,
) -> list[str]:
    """Write a raster of made-up 4G coverage per operator: 1 covered, 0 not.

    Masts stand in each locality and along the main roads; heights shorten their reach.

    Returns
    -------
    list of str
        File names, in the order of MOBILE.
    """
    import rasterio  # noqa: PLC0415 - slow to import

    west, south, east, north = polygons.total_bounds
    west, north = np.floor(west / PIXEL_M) * PIXEL_M, np.ceil(north / PIXEL_M) * PIXEL_M
    width = int(np.ceil((east - west) / PIXEL_M))
    height = int(np.ceil((north - south) / PIXEL_M))
    x = west + (np.arange(width) + 0.5) * PIXEL_M
    y = north - (np.arange(height) + 0.5) * PIXEL_M
    luck = patches.at(*(grid.ravel() for grid in np.meshgrid(x, y))).reshape(height, width)
    main = roads.geometry[roads["road_class"].isin(_MAIN_ROADS)].to_numpy()
    names = []
    for letter, (reach, apart) in zip("ab", MOBILE.values(), strict=True):
        along = shapely.get_coordinates(shapely.segmentize(main, apart))[
            :: 3 if letter == "b" else 1
        ]
        masts = np.concatenate([places[["x", "y"]].to_numpy(), along])
        column = ((masts[:, 0] - west) / PIXEL_M).astype(np.int64).clip(0, width - 1)
        row = ((north - masts[:, 1]) / PIXEL_M).astype(np.int64).clip(0, height - 1)
        free = np.ones((height, width), dtype=bool)
        free[row, column] = False
        away = ndimage.distance_transform_edt(free, sampling=PIXEL_M)
        ground = luck if letter == "a" else np.roll(luck, height // 7, axis=0)
        covered = away < reach * np.clip(1 + 0.35 * ground, 0.3, 1.6)
        name = f"mobile_{letter}.tif"
        with rasterio.open(
            folder / name, "w", driver="GTiff", width=width, height=height, count=1, dtype="uint8",
            crs="EPSG:3006", transform=rasterio.Affine(PIXEL_M, 0, west, 0, -PIXEL_M, north),
            compress="deflate",
        ) as raster:  # fmt: skip
            raster.write(covered.astype(np.uint8), 1)
        names.append(name)
    return names
