"""Societal functions and areas of later connection: read, placed, every row accounted for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import small_region
from bredband import Region, run
from bredband.checks import check_region
from bredband.inputs import read_inputs
from bredband.societal import FUNCTIONS, osm_kind
from bredband.tables import check_table
from bredband_gis.errors import MissingColumnError
from shapely.geometry import LineString, Point, box
from small_region import CRS, X, Y

if TYPE_CHECKING:
    from pathlib import Path


def region(folder: Path, **sources: Any) -> Region:
    content = small_region.content()
    content["sources"] = {**content["sources"], **sources}
    small_region.write(folder, content)
    return Region.read(folder)


def functions() -> gpd.GeoDataFrame:
    """A school as a building, a fire station without a name, one just outside, one far away."""
    return gpd.GeoDataFrame(
        {
            "typ": ["Skola", "Brandstation", "Vårdcentral", "Skola", None],
            "namn": ["Byskolan", None, "Hälsan", "Fjärran", "Okänd"],
        },
        geometry=[
            box(X + 5000, Y - 30, X + 5040, Y - 10),
            Point(X + 12_000, Y + 100),
            Point(X + 20_150, Y),  # 150 m east of the border
            Point(X + 20_500, Y),  # 500 m east of it
            Point(X + 1, Y),
        ],
        crs=CRS,
    )


def test_functions_are_points_with_kind_name_and_municipality(tmp_path: Path) -> None:
    where = region(
        tmp_path,
        functions={
            "path": "functions.gpkg",
            "columns": {"kind": "typ", "name": "namn"},
            "provenance": "derived",
        },
    )
    functions().to_file(tmp_path / "functions.gpkg")
    inputs = read_inputs(where)
    found = inputs.functions
    assert found is not None
    check_table(found, FUNCTIONS, where="functions")
    assert found["kind"].tolist() == ["Skola", "Brandstation", "Vårdcentral", ""]
    assert found["name"].tolist() == ["Byskolan", "", "Hälsan", "Okänd"]
    assert found["municipality_code"].tolist() == ["2501", "2502", "2502", "2501"]
    assert set(found["provenance"]) == {"derived"}
    assert found.crs.to_epsg() == 3006
    assert found.geometry.geom_type.tolist() == ["Point"] * 4
    # The school's point lies in its outline.
    assert X + 5000 < found["x"][0] < X + 5040
    assert Y - 30 < found["y"][0] < Y - 10
    assert found["x"].tolist()[1:] == [X + 12_000, X + 20_150, X + 1]
    # The one outside is told, with its row in the file.
    aside = inputs.set_aside[inputs.set_aside["layer"] == "functions"]
    assert aside[["row", "file", "reason"]].to_numpy().tolist() == [
        [3, "functions.gpkg", "lies in no municipality of the region"]
    ]
    assert inputs.provenance()["functions"] == "derived"


def test_later_connection_keeps_the_region_s_polygons(tmp_path: Path) -> None:
    where = region(tmp_path, later_connection={"path": "later.gpkg"})
    gpd.GeoDataFrame(
        {"namn": ["utanför", "inne"]},
        geometry=[
            box(X + 20_200, Y, X + 20_300, Y + 100),
            box(X + 100, Y + 100, X + 300, Y + 300),
        ],
        crs=CRS,
    ).to_file(tmp_path / "later.gpkg")
    inputs = read_inputs(where)
    assert inputs.later_connection is not None
    assert inputs.later_connection["namn"].tolist() == ["inne"]
    assert inputs.later_connection["provenance"].tolist() == ["real"]
    aside = inputs.set_aside[inputs.set_aside["layer"] == "later_connection"]
    assert aside["row"].tolist() == [0]


def test_without_them_nothing_is_read(tmp_path: Path) -> None:
    inputs = read_inputs(region(tmp_path))
    assert inputs.functions is None
    assert inputs.later_connection is None


def test_several_files_and_a_table_with_coordinates(tmp_path: Path) -> None:
    where = region(
        tmp_path,
        functions=[
            {"path": "a.csv", "constants": {"kind": "skola"}, "crs": CRS},
            {"path": "b.csv", "columns": {"kind": "k"}, "crs": CRS},
        ],
    )
    pd.DataFrame({"E": [X + 100], "N": [Y + 100]}).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"E": [X + 200], "N": [Y + 100], "k": [4]}).to_csv(tmp_path / "b.csv", index=False)
    found = read_inputs(where).functions
    assert found is not None
    assert found["kind"].tolist() == ["skola", "4"]
    assert found["x"].tolist() == [X + 100, X + 200]


def test_a_file_without_a_kind_is_refused(tmp_path: Path) -> None:
    where = region(tmp_path, functions={"path": "functions.gpkg"})
    functions().to_file(tmp_path / "functions.gpkg")
    with pytest.raises(MissingColumnError, match="kind") as caught:
        read_inputs(where)
    assert "functions.gpkg" in str(caught.value.where)


def test_the_run_and_the_data_check_count_every_row(tmp_path: Path) -> None:
    where = region(
        tmp_path / "in",
        functions={"path": "functions.gpkg", "columns": {"kind": "typ", "name": "namn"}},
        later_connection={"path": "later.gpkg"},
    )
    functions().to_file(tmp_path / "in" / "functions.gpkg")
    gpd.GeoDataFrame(geometry=[box(X, Y, X + 100, Y + 100)], crs=CRS).to_file(
        tmp_path / "in" / "later.gpkg"
    )
    run(where, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    rows = {item["layer"]: item["rows_in"] for item in manifest["inputs"]}
    assert (rows["functions"], rows["later_connection"]) == (5, 1)
    aside = pd.read_csv(tmp_path / "out" / "set_aside.csv")
    assert aside[aside["layer"] == "functions"]["reason"].tolist() == [
        "ligger inte i någon av regionens kommuner"
    ]
    report = check_region(where)
    assert not [f for f in report.findings if f.severity == "error" and f.layer == "functions"]


def test_road_classes_stay_with_their_roads(tmp_path: Path) -> None:
    """A row that is set aside must not push the classes of the rows after it."""
    where = region(tmp_path)
    roads = small_region.roads()
    broken = gpd.GeoDataFrame(
        {"road_class": ["motorway"]}, geometry=[LineString([(X, Y), (X, Y)])], crs=CRS
    )
    pd.concat([broken, roads]).to_file(tmp_path / "roads.gpkg")
    inputs = read_inputs(where)
    assert inputs.roads["road_class"].tolist() == ["tertiary", "tertiary", "track"]
    assert inputs.roads.length.round().tolist() == [8000, 12_000, 3000]


def test_kinds_of_an_extract() -> None:
    frame = pd.DataFrame(
        {
            "amenity": ["school", None, "restaurant", "parking", None],
            "healthcare": [None, "clinic", None, None, None],
            "building": ["yes", "hospital", "school", "yes", "barn"],
        }
    )
    # Amenity before healthcare before building; else what is tagged.
    assert osm_kind(frame).tolist() == ["school", "clinic", "school", "parking", "barn"]


def test_functions_of_a_real_extract(tmp_path: Path, shared_data: Path) -> None:
    extract = shared_data / "liechtenstein" / "liechtenstein.osm.pbf"
    content = {
        "region": {"name": "Liechtenstein", "code": "LI", "year": 2024, "crs": "EPSG:2056"},
        "sources": {
            name: {"path": str(extract)}
            for name in ("municipalities", "premises", "roads", "functions")
        },
    }
    inputs = read_inputs(Region.from_dict(content, folder=tmp_path))
    found = inputs.functions
    assert found is not None
    counts = found["kind"].value_counts()
    # Tagged in the extract: 3 amenity=school, 15 building=school, two of which are both.
    assert counts["school"] == 16
    assert (counts["townhall"], counts["fire_station"], counts["hospital"]) == (2, 1, 1)
    assert "restaurant" not in counts
    noted = next(f for f in inputs.files if f["layer"] == "functions")
    aside = inputs.set_aside[inputs.set_aside["layer"] == "functions"]
    assert noted["rows_in"] == len(found) + len(aside) < noted["rows_in_file"]
    assert found["name"].str.len().max() > 3
