"""What mobile networks cover: by hand on a small raster, and rules that always hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from bredband.mobile import MobileLayer, count_networks, mobile_cover, mobile_table
from bredband.tables import MOBILE, check_table
from bredband_gis.crs import transform_points
from bredband_gis.errors import BadValueError, EmptyLayerError, NoCrsError, WrongCrsError
from bredband_gis.files import Source
from bredband_gis.masks import Mask, cover_zones, mask_at, pixel_m, points_along
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

if TYPE_CHECKING:
    from pathlib import Path

CRS = "EPSG:3006"
X, Y = 600_000.0, 7_000_000.0


def write_raster(
    path: Path,
    values: Any,
    *,
    left: float = X,
    top: float = Y + 400,
    side: float = 100.0,
    crs: str | None = CRS,
    nodata: float | None = None,
) -> Source:
    pixels = np.asarray(values)
    with rasterio.open(
        path, "w", driver="GTiff", width=pixels.shape[1], height=pixels.shape[0], count=1,
        dtype=pixels.dtype, crs=crs, nodata=nodata,
        transform=Affine(side, 0, left, 0, -side, top),
    ) as raster:  # fmt: skip
        raster.write(pixels, 1)
    return Source(path)


def municipalities() -> gpd.GeoDataFrame:
    """Two of 400 x 400 m side by side, of two counties."""
    return gpd.GeoDataFrame(
        {
            "municipality_code": ["2501", "2402"],
            "municipality_name": ["Väst", "Öst"],
            "county_code": ["25", "24"],
            "county_name": ["Norrbottens län", "Västerbottens län"],
        },
        geometry=[shapely.box(X, Y, X + 400, Y + 400), shapely.box(X + 400, Y, X + 800, Y + 400)],
        crs=CRS,
    )


def status() -> pd.DataFrame:
    rows = [
        # east, north, households, workplaces, municipality, status
        (50, 350, 3, 0, "2501", "connected"),
        (150, 350, 2, 1, "2501", "unserved"),
        (350, 50, 5, 0, "2501", "unserved"),
        (450, 350, 4, 0, "2402", "unserved"),
        (750, 50, 0, 2, "2402", "unserved"),
        (650, 50, 0, 0, "2402", "unserved"),  # a holiday home
    ]
    table = pd.DataFrame(
        rows, columns=["x", "y", "households", "workplaces", "municipality_code", "status"]
    )
    return table.assign(x=table["x"] + X, y=table["y"] + Y)


def roads() -> gpd.GeoDataFrame:
    """One east through both at 350 m north, and 100 m more outside all."""
    line = shapely.LineString([(X - 100, Y + 350), (X + 800, Y + 350)])
    return gpd.GeoDataFrame(geometry=[line], crs=CRS)


def table(layers: list[MobileLayer], **changes: Any) -> pd.DataFrame:
    given: dict[str, Any] = {
        "status": status(), "roads": roads(), "municipalities": municipalities(),
        "layers": layers, "region_code": "25", "region_name": "Båda",
    }  # fmt: skip
    found, _ = mobile_table(**{**given, **changes})
    check_table(found, MOBILE, where="mobile")
    return found


def row(found: pd.DataFrame, area: str, operator: str, technology: str) -> pd.Series[Any]:
    rows = found[
        (found["area_name"] == area)
        & (found["operator"] == operator) & (found["technology"] == technology)
    ]  # fmt: skip
    assert len(rows) == 1
    return rows.iloc[0]


# --- by hand ---------------------------------------------------------------------------


def two_layers(folder: Path) -> list[MobileLayer]:
    """A raster of dBm over both (covered: the two leftmost columns), and one polygon."""
    signal = np.full((4, 8), -120.0)
    signal[:, :2] = -95.0
    signal[0, 2] = -105.0  # just at the threshold
    signal[3, 3] = -9999.0  # no data
    source = write_raster(folder / "a.tif", signal, nodata=-9999.0)
    ring = shapely.box(X + 350, Y + 300, X + 500, Y + 400)
    areas = gpd.GeoDataFrame(geometry=[ring, ring], crs=CRS)  # the same ground twice
    return [
        MobileLayer("Alfa", "lte", source=source, threshold=-105.0),
        MobileLayer("Beta", "5g", areas=areas),
    ]


def test_a_small_region_by_hand(tmp_path: Path) -> None:
    found = table(two_layers(tmp_path))
    assert len(found) == (1 + 2 + 2) * (2 + 2 + 2 + 1)

    alfa = row(found, "Väst", "Alfa", "lte")
    assert alfa["households"] == 10
    assert alfa["households_covered"] == 5
    assert (alfa["premises"], alfa["premises_covered"]) == (3, 2)
    assert alfa["area_km2"] == pytest.approx(0.16)
    assert alfa["area_covered_km2"] == pytest.approx(0.09)  # 9 pixels of 100 m
    assert (alfa["road_m"], alfa["road_covered_m"]) == pytest.approx((400, 300))
    assert (alfa["unserved_households"], alfa["unserved_not_covered"]) == (7, 5)

    beta = row(found, "Öst", "Beta", "5g")
    assert (beta["households"], beta["households_covered"]) == (4, 4)
    assert (beta["premises"], beta["premises_covered"]) == (2, 1)
    assert beta["area_covered_km2"] == pytest.approx(0.01)
    assert (beta["road_m"], beta["road_covered_m"]) == pytest.approx((400, 100))
    assert (beta["unserved_households"], beta["unserved_not_covered"]) == (4, 0)

    both = row(found, "Båda", "any", "any")
    assert (both["households"], both["households_covered"]) == (14, 9)
    assert both["unserved_not_covered"] == 5
    assert both["area_km2"] == pytest.approx(0.32)
    assert (both["road_m"], both["road_covered_m"]) == pytest.approx((800, 450))
    # 9 pixels; of the polygon's 1.5 pixels each middle on its edge or inside counts whole.
    assert both["area_covered_km2"] == pytest.approx(0.105, abs=0.006)
    assert row(found, "Norrbottens län", "Alfa", "lte")["households"] == 10


def test_networks_are_operators_not_layers(tmp_path: Path) -> None:
    layers = two_layers(tmp_path)
    layers.append(MobileLayer("Alfa", "5g", source=layers[0].source, threshold=-105.0))
    layers.append(MobileLayer("Gamma", "lte", source=layers[0].source, threshold=-130.0))
    s = status()
    cover = mobile_cover(s["x"], s["y"], layers, CRS)
    assert cover.shape == (6, 4)
    assert count_networks(cover, layers).tolist() == [2, 2, 0, 2, 1, 1]


def test_several_files_of_one_network_cover_together(tmp_path: Path) -> None:
    west = write_raster(tmp_path / "w.tif", np.ones((4, 4), np.uint8))
    east = write_raster(tmp_path / "e.tif", np.ones((4, 4), np.uint8), left=X + 400)
    layers = [MobileLayer("Alfa", "lte", source=one) for one in (west, east)]
    found, findings = mobile_table(
        status(), roads(), municipalities(), layers, region_code="25", region_name="Båda"
    )
    whole = row(found, "Båda", "Alfa", "lte")
    assert whole["area_covered_km2"] == pytest.approx(whole["area_km2"])
    assert whole["road_covered_m"] == pytest.approx(800)
    assert findings == ()


# --- rasters as they come ----------------------------------------------------------------


def test_a_raster_that_ends_inside_the_region_is_told(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "part.tif", np.ones((4, 6), np.uint8))
    found, (finding,) = mobile_table(
        status(), None, municipalities(), [MobileLayer("Alfa", "lte", source=source)],
        region_code="25", region_name="Båda",
    )  # fmt: skip
    assert row(found, "Öst", "Alfa", "lte")["area_covered_km2"] == pytest.approx(0.08)
    assert row(found, "Öst", "Alfa", "lte")["households_covered"] == 4
    assert row(found, "Väst", "Alfa", "lte")["area_covered_km2"] == pytest.approx(0.16)
    assert row(found, "Båda", "any", "any")["road_m"] == 0
    assert finding.rule == "mobile-partly"
    assert finding.file == "part.tif"
    assert "25.0%" in finding.message


def test_a_raster_of_another_place_is_refused(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "far.tif", np.ones((4, 4), np.uint8), left=X - 90_000)
    layer = MobileLayer("Alfa", "lte", source=source)
    with pytest.raises(WrongCrsError, match="no point lies in the raster"):
        mobile_cover([X], [Y], [layer], CRS)
    zones = np.asarray(municipalities().geometry.array, dtype=object)
    with pytest.raises(WrongCrsError, match=r"far\.tif: the raster lies outside the region"):
        cover_zones([Mask(source=source)], zones, [[0]], crs=CRS, name="mobile")


def test_a_raster_without_crs_is_refused_unless_it_is_stated(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "no.tif", np.ones((4, 8), np.uint8), crs=None)
    with pytest.raises(NoCrsError):
        table([MobileLayer("Alfa", "lte", source=source)])
    stated = Source(source.path, crs=CRS)
    whole = row(table([MobileLayer("Alfa", "lte", source=stated)]), "Båda", "any", "any")
    assert whole["area_covered_km2"] == pytest.approx(0.32)


@pytest.mark.parametrize(
    ("code", "side"), [("EPSG:3035", 25.0), ("EPSG:4326", 0.0003), ("EPSG:3857", 60.0)]
)
def test_rasters_in_another_crs_weigh_their_pixels_rightly(
    tmp_path: Path, code: str, side: float
) -> None:
    """North of a line is covered; pixels of degrees are narrower there than in the south."""
    zone = shapely.box(X, Y, X + 40_000, Y + 200_000)
    there = shapely.get_coordinates(zone.segmentize(1000))
    tx, ty = transform_points(there[:, 0], there[:, 1], CRS, code)
    cell = side * 20
    left, top = tx.min() - cell, ty.max() + cell
    width, height = int((tx.max() - left) / cell) + 2, int((top - ty.min()) / cell) + 2
    column, line = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    _, north = transform_points(
        (left + column * cell).ravel(), (top - line * cell).ravel(), code, CRS
    )
    values = (north.reshape(height, width) > Y + 120_000).astype(np.uint8)
    source = write_raster(tmp_path / "n.tif", values, left=left, top=top, side=cell, crs=code)
    cover = cover_zones(
        [Mask(source=source)], np.array([zone], dtype=object), [[0]], crs=CRS, name="mobile"
    )
    assert cover.covered[0, 0] / cover.area[0] == pytest.approx(0.4, abs=0.003)
    assert cover.beyond[0, 0] == 0
    size = pixel_m(Mask(source=source), X + 20_000, Y + 100_000, crs=CRS, name="mobile")
    assert 100 < size < 1300


def test_strips_of_a_large_raster_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(3).integers(0, 2, (40, 80)).astype(np.uint8)
    source = write_raster(tmp_path / "r.tif", values, side=10.0)
    zones = np.asarray(municipalities().geometry.array, dtype=object)
    masks = [Mask(source=source)]
    whole = cover_zones(masks, zones, [[0]], crs=CRS, name="mobile").covered
    monkeypatch.setattr("bredband_gis.masks._STRIP_PIXELS", 300)
    strips = cover_zones(masks, zones, [[0]], crs=CRS, name="mobile").covered
    assert whole[0].tolist() == pytest.approx(strips[0].tolist())
    assert whole[0, 0] == pytest.approx(values[:, :40].sum() * 100)


def test_many_layers_on_one_grid_count_as_few_do(tmp_path: Path) -> None:
    """Fifteen rasters of one column each; alone, in threes and all together."""
    masks = []
    for k in range(15):
        values = np.zeros((4, 16), np.uint8)
        values[:, k] = 1
        masks.append(Mask(source=write_raster(tmp_path / f"{k}.tif", values, side=50.0)))
    zones = np.asarray(municipalities().geometry.array, dtype=object)
    groups = [[3], [6, 7, 8], list(range(15))]
    cover = cover_zones(masks, zones, groups, crs=CRS, name="mobile")
    column = 4 * 50.0**2
    assert cover.covered.tolist() == [[column, 0], [2 * column, column], [8 * column, 7 * column]]
    assert cover.beyond.sum() == pytest.approx(3 * 2 * 200 * 400)  # each raster is 200 m high


def test_a_municipality_smaller_than_a_pixel_is_as_its_middle(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "c.tif", np.array([[1, 0]], np.uint8), side=400.0)
    tiny = np.array(
        [shapely.box(X + 10, Y + 10, X + 20, Y + 20), shapely.box(X + 410, Y, X + 420, Y + 9)]
    )
    cover = cover_zones([Mask(source=source)], tiny, [[0]], crs=CRS, name="mobile")
    assert cover.covered[0].tolist() == pytest.approx([100, 0])


# --- rules that always hold ----------------------------------------------------------------


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_covered_is_never_more_than_there_is_nor_any_less_than_each(
    tmp_path: Path, data: st.DataObject
) -> None:
    layers = []
    for number in range(data.draw(st.integers(1, 4))):
        operator = data.draw(st.sampled_from(["Alfa", "Beta"]))
        technology = data.draw(st.sampled_from(["lte", "5g"]))
        if data.draw(st.booleans()):
            side = data.draw(st.sampled_from([40.0, 100.0, 130.0]))
            shift = data.draw(st.sampled_from([0.0, -37.0]))
            bits = data.draw(st.lists(st.integers(0, 1), min_size=48, max_size=48))
            source = write_raster(
                tmp_path / f"{number}.tif", np.array(bits, np.uint8).reshape(6, 8),
                side=side, left=X + shift,
            )  # fmt: skip
            layers.append(MobileLayer(operator, technology, source=source))
        else:
            east, north = data.draw(st.tuples(st.integers(0, 700), st.integers(0, 300)))
            box = shapely.box(X + east, Y + north, X + east + 173, Y + north + 91)
            areas = gpd.GeoDataFrame(geometry=[box], crs=CRS)
            layers.append(MobileLayer(operator, technology, areas=areas))
    found = table(layers)
    for name in ("households", "premises"):
        assert (found[f"{name}_covered"] <= found[name]).all()
    assert (found["area_covered_km2"] <= found["area_km2"] * (1 + 1e-12)).all()
    assert (found["road_covered_m"] <= found["road_m"] * (1 + 1e-12)).all()
    assert (found["unserved_not_covered"] <= found["unserved_households"]).all()
    measures = ["households_covered", "premises_covered", "area_covered_km2", "road_covered_m"]
    any_of_any = found[(found["operator"] == "any") & (found["technology"] == "any")]
    top = any_of_any.set_index("area_name")[measures]
    for _, rows in found.groupby(["operator", "technology"]):
        assert (rows.set_index("area_name")[measures] <= top + 1e-9).all(axis=None)
    additive = [*measures, "households", "road_m", "area_km2"]
    for _, rows in found.groupby(["operator", "technology"]):
        kinds = rows.groupby("area_kind")[additive].sum()
        np.testing.assert_allclose(kinds.loc["region"], kinds.loc["municipality"], atol=1e-9)
        np.testing.assert_allclose(kinds.loc["county"], kinds.loc["municipality"], atol=1e-9)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(bits=st.lists(st.integers(0, 1), min_size=32, max_size=32))
def test_polygons_and_the_same_ground_as_a_raster_agree(tmp_path: Path, bits: list[int]) -> None:
    values = np.array(bits, np.uint8).reshape(4, 8)
    source = write_raster(tmp_path / "same.tif", values)
    line, column = np.nonzero(values)
    left, top = X + 100 * column, Y + 400 - 100 * line
    areas = gpd.GeoDataFrame(geometry=shapely.box(left, top - 100, left + 100, top), crs=CRS)
    drawn = table([MobileLayer("Alfa", "lte", areas=areas)])
    burnt = table([MobileLayer("Alfa", "lte", source=source)])
    numbers = drawn.select_dtypes("number").columns
    pd.testing.assert_frame_equal(drawn[numbers], burnt[numbers])


@given(
    line=st.lists(
        st.tuples(st.integers(-999, 999), st.integers(-999, 999)), min_size=2, max_size=6,
        unique=True,
    ),
    step=st.floats(0.5, 500),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_pieces_of_a_line_add_up_and_are_short(line: list[tuple[int, int]], step: float) -> None:
    one = shapely.LineString(line)
    two = shapely.MultiLineString([line, [(0, 0), (0, 10)]])
    x, y, metres, owner = points_along(np.array([one, None, two], dtype=object), step)
    assert (metres <= step * (1 + 1e-9)).all()
    sums = np.bincount(owner, weights=metres, minlength=3)
    assert sums == pytest.approx([one.length, 0, two.length])
    assert shapely.distance(shapely.points(x, y), two).max() < 1e-6


# --- what is refused -------------------------------------------------------------------------


def test_layers_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadValueError, match="either a raster or polygons"):
        MobileLayer("Alfa", "lte")
    with pytest.raises(BadValueError, match="either a raster or polygons"):
        Mask()
    areas = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:3035")
    for words in (("any", "lte"), ("Alfa", " ")):
        with pytest.raises(BadValueError, match="names no operator"):
            MobileLayer(*words, areas=areas)
    with pytest.raises(WrongCrsError, match="EPSG:3035"):
        table([MobileLayer("Alfa", "lte", areas=areas)])
    with pytest.raises(EmptyLayerError):
        table([])
    empty = Mask(areas=np.array([], dtype=object))
    assert not mask_at(empty, [X], [Y], crs=CRS, name="mobile").any()
