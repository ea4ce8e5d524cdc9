"""Networks between the real localities of Norrbotten and Skåne, beside what was built.

    uv run python benchmarks/backbone.py
    uv run python benchmarks/backbone.py --data FOLDER      the folder of shared data

Norrbotten: 89 localities of 2020 (SCB) along the county's 2 331 bus links, whose true length
GTFS tells. Skåne: no roads are at hand, so links are made up between neighbouring places,
straight times the detour that Norrbotten's bus links have (1.161); on Norrbotten's own
localities this is shown beside the true links.

Skåne's BAS network, 2003-2015, joined 306 localities by 2 300 km for about 850 MSEK (Region
Skåne 2017). Which 306 they were is not told: here they are the 248 localities of 2020 and
the 58 largest other settlements. The price, 370 SEK/m, is that network's own, so only the
kilometres are a comparison. The cheapest tree has one way to every place and is the least
that could be dug; the network that was built has rings, was procured municipality by
municipality, and follows roads that are longer than the shortest.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import geopandas as gpd

BAS_PLACES, BAS_KM, BAS_MSEK = 306, 2300.0, 850.0


def read_places(file: Path, county: str, *, number: int | None = None) -> gpd.GeoDataFrame:
    """Give a county's localities; with a number, its largest other settlements too."""
    import geopandas as gpd
    import pandas as pd

    towns = gpd.read_file(file, layer="tatort_punkt_2020").rename(
        columns={
            "code": "locality_code", "name": "locality_name", "pop": "population",
            "mun_code": "municipality_code",
        }
    )  # fmt: skip
    towns = towns[towns["lan_code"] == county]
    if number is None:
        return towns
    small = gpd.read_file(file, layer="bebyggelse_lm250k")
    small = small[small["KATEGORI"] != "Tätort"]
    small = small.assign(size=small.area, geometry=small.representative_point())
    area = gpd.read_file(file, layer="kommun")
    small = small.sjoin(area.loc[area["LAN_KOD"] == county, ["KOM_KOD", "geometry"]])
    small = small.sort_values("size", ascending=False).head(number - len(towns))
    more = gpd.GeoDataFrame(
        {
            "locality_code": [f"s{row}" for row in range(len(small))],
            "locality_name": small["NAMN1"].fillna("").to_list(),
            "population": 100.0,  # a small locality has 50-199
            "municipality_code": small["KOM_KOD"].to_list(),
        },
        geometry=small.geometry.to_numpy(),
        crs=towns.crs,
    )
    return gpd.GeoDataFrame(pd.concat([towns, more], ignore_index=True), crs=towns.crs)


def show(label: str, places: gpd.GeoDataFrame, links: Any = None, **options: Any) -> float:
    """Plan once and print a line; give the kilometres."""
    from bredband.backbone import plan_backbone
    from bredband.settings_backbone import BackboneSettings

    started = time.perf_counter()
    along = "links" if links is not None else "straight"
    plan = plan_backbone(
        places, links=links, settings=BackboneSettings(along=along, **options), seconds=60
    )
    took = time.perf_counter() - started
    km = plan.stretches["length_m"].sum() / 1e3
    joined = plan.places["join"].isin(("new", "existing", "backbone")).sum()
    two = (plan.places["ways_after"] == 2).sum()
    print(
        f"{label:58} {joined:6d} {two:9d} {km:8.0f} {plan.total_sek / 1e6:8.0f}"
        f" {plan.total_sek / plan.total_bound_sek - 1:8.1%}"
        f" {plan.total_sek / plan.after_joining_bound_sek - 1:8.1%} {took:8.1f}",
        flush=True,
    )
    return float(km)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("BREDBAND_SHARED_DATA", beside))
    )
    file = parser.parse_args().data / "sverige" / "sample_bd_m.gpkg"
    if not file.exists():
        sys.exit(f"{file} is not here: name the folder of shared data with --data")

    import geopandas as gpd

    bus = gpd.read_file(file, layer="lankar_bd_gtfs")
    detour = bus["road_m"].sum() / bus["air_m"].sum()
    print(f"detour of {len(bus)} bus links: {detour:.3f}\n")
    print(
        f"{'':58} {'places':>6} {'two ways':>9} {'km':>8} {'MSEK':>8} {'above':>8} {'search':>8}"
        f" {'seconds':>8}"
    )
    north = read_places(file, "25")
    one = {"second_route": False}
    show("Norrbotten, bus links, one way", north, bus, **one)
    show("Norrbotten, bus links, second ways <= 5 000 SEK/household", north, bus)
    show("Norrbotten, bus links, second ways at any price", north, bus,
         worth_sek_per_household=1e9)  # fmt: skip
    show("Norrbotten, made-up links, one way", north, **one)
    for number in (None, BAS_PLACES):
        south = read_places(file, "12", number=number)
        name = f"Skåne, {len(south)} places"
        show(f"{name}, one way to the 33 municipal centres", south, **one)
        malmo = {"with_backbone": ["Malmö"]}
        km = show(f"{name}, one way to Malmö", south, **malmo, **one)
        show(f"{name}, second ways <= 5 000 SEK/household", south, **malmo)
        far = show(f"{name}, two ways at any price", south, **malmo,
                   worth_sek_per_household=1e9)  # fmt: skip
    print(
        f"{'Skåne, BAS network as built':58} {BAS_PLACES:6d} {'':9} {BAS_KM:8.0f} {BAS_MSEK:8.0f}"
    )
    print(
        f"\nbuilt / one way: {BAS_KM / km:.2f}; built / two ways: {BAS_KM / far:.2f}"
        "\nabove: the whole over what no such network costs less than; search: over the least"
        " that second ways\ncost once the stretches that join places are laid"
    )


if __name__ == "__main__":
    main()
