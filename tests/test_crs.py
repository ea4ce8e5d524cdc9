"""Coordinate systems: what measures, and coordinates that do not fit the system named."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from bredband_gis import crs
from bredband_gis.errors import (
    DegreesAsMetresError,
    NotMetricError,
    SwappedAxesError,
    WrongCrsError,
)
from hypothesis import given
from hypothesis import strategies as st

LULEA = (827_000.0, 7_292_000.0)
"""Luleå in EPSG:3006, roughly."""

NORRBOTTEN = (465_000.0, 7_200_000.0, 935_000.0, 7_680_000.0)


@pytest.mark.parametrize("code", [3006, 3011, 25832, 2056, 3035, "EPSG:3021"])
def test_metric_crs_are_taken(code: object) -> None:
    assert crs.metric_crs(code) == pyproj.CRS.from_user_input(code)


@pytest.mark.parametrize("code", [4326, 4619, 3857, 3395, 2263])
def test_crs_that_cannot_measure_are_refused(code: int) -> None:
    with pytest.raises(NotMetricError, match=f"EPSG:{code}"):
        crs.metric_crs(code)


def test_height_is_left_out_of_a_compound_crs() -> None:
    assert crs.metric_crs("EPSG:5845").to_epsg() == 3006


def test_nonsense_is_no_crs() -> None:
    with pytest.raises(WrongCrsError, match="'EPSG:99999' is not a coordinate reference system"):
        crs.metric_crs("EPSG:99999")


def test_extent_of_sweref_holds_sweden_but_not_its_swapped_coordinates() -> None:
    bounds = crs.extent_of(3006)
    # Koster, Haparanda, Smygehuk and Treriksröset, the outermost points, in metres.
    x, y = [268_000, 918_000, 390_000, 700_000], [6_530_000, 7_320_000, 6_133_000, 7_692_000]
    assert crs.within(x, y, bounds).all()
    assert not crs.within(y, x, bounds).any()
    assert crs.extent_of(4326) == (-180, -90, 180, 90)


def test_transform_takes_x_first() -> None:
    x, y = crs.transform_points([15.0], [60.0], 4326, 3006)
    # On the central meridian the easting is the false easting, exactly.
    assert x[0] == pytest.approx(500_000, abs=1e-6)
    # Meridian arc to 60 degrees on GRS 80, 6 654 072.82 m (Lantmäteriet's formulas), x 0.9996.
    assert y[0] == pytest.approx(6_654_072.8194 * 0.9996, abs=0.01)


@given(
    x=st.floats(280_000, 910_000, allow_nan=False),
    y=st.floats(6_140_000, 7_680_000, allow_nan=False),
)
def test_transform_there_and_back(x: float, y: float) -> None:
    lon, lat = crs.transform_points([x, x], [y, y], 3006, 4326)
    assert lon[0] == lon[1]
    assert lat[0] == lat[1]
    back = crs.transform_points(lon, lat, 4326, 3006)
    np.testing.assert_allclose([back[0][0], back[1][0]], [x, y], atol=1e-4)


SCB_PRJ = """PROJCS["unnamed",GEOGCS["GCS_unnamed",DATUM["D_GRS_80",SPHEROID["GRS_80",
6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],
PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",500000.0],
PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",15.0],
PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"""
"""What a .prj by Statistics Sweden says."""


def test_identify_crs_does_not_guess_an_unnamed_one() -> None:
    sweref = pyproj.CRS(3006)
    assert crs.identify_crs(sweref.to_wkt("WKT1_ESRI")).to_epsg() == 3006
    assert crs.identify_crs(None) is None
    assert crs.identify_crs("no crs at all") is None
    assert crs.identify_crs(SCB_PRJ) is None


def test_right_coordinates_pass() -> None:
    crs.check_coordinates((700_000, 7_280_000, 830_000, 7_300_000), 3006, where="a.csv")
    crs.check_coordinates((20, 65, 23, 67), 4326, where="a.csv")
    crs.check_coordinates(
        (700_000, 7_280_000, 830_000, 7_300_000), 3006, where="a.csv", extent=NORRBOTTEN
    )


@pytest.mark.parametrize(
    ("bounds", "code", "error", "says"),
    [
        ((7_280_000, 700_000, 7_300_000, 830_000), 3006, SwappedAxesError, "each other's place"),
        ((20, 65, 23, 67), 3006, DegreesAsMetresError, 'crs = "EPSG:4326"'),
        ((65, 20, 67, 23), 3006, DegreesAsMetresError, "swapped as well"),
        ((700_000, 7_280_000, 830_000, 7_300_000), 4326, WrongCrsError, "EPSG:3006"),
        ((1_700_000, 7_280_000, 1_790_000, 7_300_000), 3006, WrongCrsError, "EPSG:3021"),
        ((7_280_000, 1_700_000, 7_300_000, 1_790_000), 3006, WrongCrsError, "x and y swapped"),
        ((-9e6, -9e6, -8e6, -8e6), 3006, WrongCrsError, "find out the file's CRS"),
    ],
)
def test_misfits_are_told_apart(
    bounds: crs.Bounds, code: int, error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as caught:
        crs.check_coordinates(bounds, code, where="husen.csv", extent=None)
    assert type(caught.value) is error
    assert says in str(caught.value)
    assert "husen.csv" in str(caught.value)


def test_metres_as_degrees_say_so() -> None:
    with pytest.raises(WrongCrsError, match="are metres, but are said to be degrees"):
        crs.check_coordinates((7e5, 7.28e6, 8e5, 7.3e6), 4326, where="a.csv")


def test_outside_the_region_is_refused() -> None:
    with pytest.raises(WrongCrsError, match="outside the region"):
        crs.check_coordinates((4e5, 6.1e6, 4.5e5, 6.2e6), 3006, where="a.csv", extent=NORRBOTTEN)


@pytest.mark.parametrize("code", [3006, 3021, 4326, 3857])
def test_likely_crs_names_the_one_that_was_used(code: int) -> None:
    x, y = crs.transform_points([LULEA[0]], [LULEA[1]], 3006, code)
    assert crs.likely_crs(x, y, to=3006, extent=NORRBOTTEN)[0] == f"EPSG:{code}"


def test_likely_crs_for_liechtenstein() -> None:
    vaduz = crs.transform_points([9.52], [47.14], 4326, 21781)
    assert crs.likely_crs(*vaduz, to=2056) == ["EPSG:21781"]


def test_local_zones_cannot_be_told_apart_without_the_region() -> None:
    x, y = crs.transform_points([LULEA[0]], [LULEA[1]], 3006, 3018)
    names = crs.likely_crs(x, y, to=3006)
    assert any("local zones" in name for name in names)


def test_most_points_decide() -> None:
    x, y = np.array([7e5, 8e5, 9e5, 0.0]), np.array([7.3e6, 7.3e6, 7.3e6, 0.0])
    assert crs.fits(x, y, 3006, to=3006, extent=NORRBOTTEN)
    assert not crs.fits(x[2:], y[2:], 3006, to=3006, extent=NORRBOTTEN)
    assert not crs.fits([np.nan], [np.nan], 3006, to=3006)
