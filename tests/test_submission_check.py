"""Every way in which a submission can be broken: found, told apart, told in plain words."""

from __future__ import annotations

import json
import math
import string
import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import jsonschema
import numpy as np
import pandas as pd
import pytest
import small_submission as small
from bredband.submission import sheet
from bredband.submission_check import check_submission
from bredband.submission_files import write_csv
from bredband.submission_schema import ABSENT, breaches, definition, schema
from bredband.tables import check_table
from bredband.tables_submission import REMARKS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from languages import english_in, swedish_in
from shapely.geometry import box

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CASES: list[Any] = []
"""Ways to break GeoJSON: name, change, rules found, features, and words of what is said."""


def case(
    *rules: str, at: tuple[int, ...] = (), said: str = "", schema_sees: bool = True,
    content: str = "buildings", **against: Any,
) -> Callable[[Callable[[dict[str, Any]], Any]], Callable[[dict[str, Any]], Any]]:  # fmt: skip
    """Enter a way to break a submission; a change gives the new content or changes the old."""

    def enter(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
        CASES.append(
            pytest.param(change, rules, at, said, schema_sees, content, against,
                         id=change.__name__)
        )  # fmt: skip
        return change

    return enter


def feature(document: dict[str, Any], id_: str) -> dict[str, Any]:
    (found,) = [
        one for one in document["features"]
        if id_ in (one["properties"].get("premises_id"), one["properties"].get("area_id"))
    ]  # fmt: skip
    return found


def put(document: dict[str, Any], id_: str, **values: Any) -> None:
    feature(document, id_)["properties"].update(values)


# Features come in the order 0011-0016, 0018, 0020 (Upplands Väsby), then 0001-0010, 0017: 0001 is
# the ninth.

# --- the file as such ----------------------------------------------------------------------


@case("empty-file", said="Filen är tom.")
def empty_file(document: dict[str, Any]) -> Any:
    return b""


@case("empty-file", said="Filen är tom.")
def only_blanks(document: dict[str, Any]) -> Any:
    return "\n  \n"


@case("cut-off", said="Filen är avklippt: den tar slut på rad 3 mitt i ett objekt.")
def truncated(document: dict[str, Any]) -> Any:
    text = json.dumps(document).replace('"features": [', '"features":\n[\n')
    return text[: int(len(text) * 0.6)]


@case("cut-off")
def truncated_inside_a_text(document: dict[str, Any]) -> Any:
    text = json.dumps(document)
    return text[: text.index("Upplands") + 4]


@case("not-json", said="fel på rad 2, tecken 9")
def a_comma_too_many(document: dict[str, Any]) -> Any:
    return '{"type": "FeatureCollection",\n "a": 1,, "features": []}'


@case("not-json")
def a_web_page(document: dict[str, Any]) -> Any:
    return "<!DOCTYPE html><html><body>Logga in</body></html>"


@case("not-json")
def nested_beyond_measure(document: dict[str, Any]) -> Any:
    return "[" * 200_000


@case("not-utf8", said="sparad som CP1252")
def in_windows_1252(document: dict[str, Any]) -> Any:
    return json.dumps(document, ensure_ascii=False).encode("cp1252")


@case("byte-order-mark", schema_sees=False)
def with_a_mark(document: dict[str, Any]) -> Any:
    return b"\xef\xbb\xbf" + json.dumps(document).encode()


@case("no-number", "bad-coordinates", at=(9,), schema_sees=False, said="är [NaN, 65.")
def not_a_number(document: dict[str, Any]) -> None:
    feature(document, "0001")["geometry"]["coordinates"][0] = math.nan


@case("not-a-collection", said='utan "Feature"')
def a_single_feature(document: dict[str, Any]) -> Any:
    return document["features"][0]


@case("not-a-collection", said="utan [1, 2]")
def a_list(document: dict[str, Any]) -> Any:
    return [1, 2]


@case("no-features")
def without_features(document: dict[str, Any]) -> None:
    document["features"] = []


@case("no-features")
def features_that_are_no_list(document: dict[str, Any]) -> None:
    document["features"] = {}


@case("crs-member", said="WGS 84")
def with_a_crs_of_wgs84(document: dict[str, Any]) -> None:
    name = "urn:ogc:def:crs:OGC:1.3:CRS84"
    document["crs"] = {"type": "name", "properties": {"name": name}}


@case("wrong-crs", said="EPSG::3006")
def with_another_crs(document: dict[str, Any]) -> None:
    document["crs"] = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3006"}}


@case("forbidden-member", said="coordinates, properties")
def members_that_rfc_7946_forbids(document: dict[str, Any]) -> None:
    document |= {"properties": {}, "coordinates": []}


@case("file-fact", said='Uppgiften audience ska vara "internal", är "public".')
def said_to_be_public(document: dict[str, Any]) -> None:
    document["audience"] = "public"


@case("file-fact", said="Uppgiften quota.share ska vara ett tal, minst 0, är -1.")
def a_quota_below_nothing(document: dict[str, Any]) -> None:
    document["quota"]["share"] = -1


@case("file-fact", said="Uppgiften quota.allowed")
def a_quota_without_its_number(document: dict[str, Any]) -> None:
    del document["quota"]["allowed"]


@case("wrong-year", said="gäller utlysningen 2022, men reglerna är för 2023", schema_sees=False)
def of_another_year(document: dict[str, Any]) -> None:
    document["year"] = 2022


@case("file-fact", said="Uppgiften year ska vara ett heltal, minst 2")
def of_a_year_before_the_first(document: dict[str, Any]) -> None:
    document["year"] = 2019


@case("synthetic", said="Filen bygger på syntetiska data.", schema_sees=False)
def of_synthetic_data(document: dict[str, Any]) -> None:
    document["provenance"] = "synthetic"


# --- features and their geometry -------------------------------------------------------------


@case("not-a-feature", "missing-from-file", at=(2,), said='är "0012"')
def a_feature_that_is_a_text(document: dict[str, Any]) -> None:
    document["features"][1] = "0012"


@case("not-a-feature", "missing-from-file", at=(2,))
def a_feature_of_no_type(document: dict[str, Any]) -> None:
    del document["features"][1]["type"]


@case("no-properties", "missing-from-file", at=(2,))
def a_feature_without_properties(document: dict[str, Any]) -> None:
    document["features"][1]["properties"] = None


@case("no-geometry", at=(9,))
def a_building_without_a_place(document: dict[str, Any]) -> None:
    feature(document, "0001")["geometry"] = None


@case("wrong-geometry", at=(9,), said='ska vara Point (1 st är annat). är "LineString"')
def a_line_for_a_building(document: dict[str, Any]) -> None:
    point = feature(document, "0001")["geometry"]["coordinates"]
    feature(document, "0001")["geometry"] = {"type": "LineString", "coordinates": [point, point]}


@case("wrong-geometry", at=(9,))
def a_building_of_several_points(document: dict[str, Any]) -> None:
    point = feature(document, "0001")["geometry"]["coordinates"]
    feature(document, "0001")["geometry"] = {"type": "MultiPoint", "coordinates": [point]}


@case(
    "bad-coordinates",
    at=(9,),
    said='är ["21.',
)
def coordinates_that_are_texts(document: dict[str, Any]) -> None:
    geometry = feature(document, "0001")["geometry"]
    geometry["coordinates"] = [str(one) for one in geometry["coordinates"]]


@case("bad-coordinates", at=(9,), said="är [21.8]")
def a_coordinate_too_few(document: dict[str, Any]) -> None:
    feature(document, "0001")["geometry"]["coordinates"] = [21.8]


@case("bad-coordinates", at=(9,))
def no_coordinates_at_all(document: dict[str, Any]) -> None:
    del feature(document, "0001")["geometry"]["coordinates"]


@case("height", at=(9,))
def with_a_height(document: dict[str, Any]) -> None:
    feature(document, "0001")["geometry"]["coordinates"].append(12.5)


@case("too-many-decimals", at=(9,), schema_sees=False)
def eight_decimals(document: dict[str, Any]) -> None:
    feature(document, "0001")["geometry"]["coordinates"][0] += 0.00000002


@case("swapped-axes", at=(9,), said="longitud och latitud har bytt plats (1 st)")
def latitude_first(document: dict[str, Any]) -> None:
    feature(document, "0001")["geometry"]["coordinates"].reverse()


@case("metres-in-geojson", at=(9,), said="är [810100, 7300000]")
def metres_for_degrees(document: dict[str, Any]) -> None:
    feature(document, "0001")["geometry"]["coordinates"] = [810_100, 7_300_000]


@case("zero-coordinates", at=(9,))
def at_null_island(document: dict[str, Any]) -> None:
    feature(document, "0001")["geometry"]["coordinates"] = [0, 0]


@case("outside-sweden", at=(9,), said="är [2.35, 48.85]")
def in_paris(document: dict[str, Any]) -> None:
    feature(document, "0001")["geometry"]["coordinates"] = [2.35, 48.85]


@case("moved-point", at=(9,), said="m ifrån", schema_sees=False)
def a_point_moved_by_hand(document: dict[str, Any]) -> None:
    feature(document, "0001")["geometry"]["coordinates"][1] += 0.001  # 111 m


@case("feature-id", at=(9,), said='id är "0002"', schema_sees=False)
def a_feature_named_as_another(document: dict[str, Any]) -> None:
    feature(document, "0001")["id"] = "0002"


# --- columns and values ----------------------------------------------------------------------


@case("missing-column", said="Kolumnen municipality_code (Kommunkod) saknas.")
def without_a_column(document: dict[str, Any]) -> None:
    for one in document["features"]:
        del one["properties"]["municipality_code"]


@case("missing-column", "unknown-column", said="Kolumnen marked (Prioriterad) saknas. Menas markd?")
def a_misspelt_column(document: dict[str, Any]) -> None:
    for one in document["features"]:
        one["properties"]["markd"] = one["properties"].pop("marked")


@case("unknown-column", said="Kolumnen fid hör inte till inlämningen.")
def a_column_of_a_gis(document: dict[str, Any]) -> None:
    for number, one in enumerate(document["features"]):
        one["properties"]["fid"] = number


@case("missing-property", at=(9,), said="Egenskapen kind (Slag) saknas")
def a_building_without_a_property(document: dict[str, Any]) -> None:
    del feature(document, "0001")["properties"]["kind"]


@case("blank", at=(9,), said="kind (Slag) är tomt (1 st)")
def a_blank_where_a_value_must_be(document: dict[str, Any]) -> None:
    put(document, "0001", kind=None)


@case("blank", at=(9,), said="municipality (Kommun) är tomt")
def an_empty_text(document: dict[str, Any]) -> None:
    put(document, "0001", municipality="")


@case("wrong-value", at=(9,), said="något av household, workplace, holiday_home, empty")
def a_kind_that_is_none(document: dict[str, Any]) -> None:
    put(document, "0001", kind="church")


@case(
    "municipality-code", at=(9,), said='Kommunkoden ska vara fyra siffror (1 st är annat). är "12"'
)
def a_code_of_two_digits(document: dict[str, Any]) -> None:
    put(document, "0001", municipality_code="12")


@case("leading-zero", at=(1,), said='är "114", ska vara "0114"')
def a_code_that_lost_its_zero(document: dict[str, Any]) -> None:
    put(document, "0011", municipality_code="114")


@case("number-for-text", at=(9,), said="municipality_code (Kommunkod) ska vara text")
def a_code_that_is_a_number(document: dict[str, Any]) -> None:
    put(document, "0001", municipality_code=2580)


@case(
    "text-for-number",
    at=(9,),
    said='households (Hushåll) ska vara ett tal, men är text (1 st). är "1"',
)
def a_number_in_quotation_marks(document: dict[str, Any]) -> None:
    put(document, "0001", households="1")


@case("not-a-figure", at=(9,), said='är "två"')
def a_number_in_words(document: dict[str, Any]) -> None:
    put(document, "0001", workplaces="två")


@case("fraction", at=(9,), said="är 1.5")
def half_a_household(document: dict[str, Any]) -> None:
    put(document, "0001", households=1.5)


@case("negative", at=(9,), said="holiday_homes (Fritidshus) är negativt")
def less_than_nothing(document: dict[str, Any]) -> None:
    put(document, "0001", holiday_homes=-1)


@case(
    "not-yes-no",
    at=(9,),
    said='marked (Prioriterad) ska vara ja eller nej (1 st är annat). är "kanske"',
)
def a_mark_that_is_maybe(document: dict[str, Any]) -> None:
    put(document, "0001", marked="kanske")


@case("not-yes-no", at=(9,), said="är 1")
def a_mark_that_is_one(document: dict[str, Any]) -> None:
    put(document, "0001", marked=1)


@case("too-long", at=(9,), said="har 4 001 tecken")
def a_motivation_without_end(document: dict[str, Any]) -> None:
    put(document, "0001", motivation="å" * 4001)


@case("mojibake", at=(9,), said='motivation är "PÃ¥ landet"', schema_sees=False)
def letters_broken_on_the_way(document: dict[str, Any]) -> None:
    put(document, "0001", motivation="PÃ¥ landet")


@case("wrong-value", at=(9,), said="utan blanksteg", listed=None)
def an_id_with_a_blank_after_it(document: dict[str, Any]) -> None:
    put(document, "0001", premises_id="0001 ")
    del document["features"][8]["id"]


@case("blank", "missing-from-file", at=(9,), said="premises_id (Byggnads-id) är tomt")
def a_building_without_an_id(document: dict[str, Any]) -> None:
    put(document, "0001", premises_id=None)


@case("not-a-figure", at=(9,), said="e_3006")
def an_easting_in_words(document: dict[str, Any]) -> None:
    put(document, "0001", e_3006="810100 m")


@case("swapped-axes", at=(9,), said="e_3006 och n_3006 har bytt plats")
def easting_for_northing(document: dict[str, Any]) -> None:
    put(document, "0001", e_3006=7_300_000, n_3006=810_100)


@case("degrees-in-table", at=(9,))
def degrees_for_metres(document: dict[str, Any]) -> None:
    put(document, "0001", e_3006=22, n_3006=66)


# --- places and the list ---------------------------------------------------------------------


def move(document: dict[str, Any], id_: str, e: int, n: int) -> None:
    table = gpd.GeoSeries.from_xy([e], [n], crs=3006).to_crs(4326)
    place = [round(table.x.iloc[0], 7), round(table.y.iloc[0], 7)]
    feature(document, id_)["geometry"]["coordinates"] = place
    put(document, id_, e_3006=e, n_3006=n)


@case(
    "outside-municipality",
    at=(9,),
    said="10,0 km utanför Luleå (Upplands Väsby)",
    schema_sees=False,
    listed=None,
)
def in_the_neighbour_s_municipality(document: dict[str, Any]) -> None:
    move(document, "0001", small.E + 100, small.NORTH)


@case("outside-municipality", at=(9,), said="300 m utanför Luleå", schema_sees=False, listed=None)
def in_no_municipality(document: dict[str, Any]) -> None:
    move(document, "0001", small.E + 10_300, small.N)


@case("outside-border", at=(9,), said="150 m utanför Luleå", schema_sees=False, listed=None)
def just_outside_the_border(document: dict[str, Any]) -> None:
    move(document, "0001", small.E + 10_150, small.N)


@case("unknown-municipality", at=(9,), said='är "2581"', schema_sees=False, listed=None)
def of_a_municipality_elsewhere(document: dict[str, Any]) -> None:
    put(document, "0001", municipality_code="2581", municipality="Piteå")


@case("municipality-name", at=(9,), said='2580 "Piteå" heter "Luleå"', schema_sees=False)
def a_name_that_is_another_s(document: dict[str, Any]) -> None:
    put(document, "0001", municipality="Piteå")


@case("unknown-id", "missing-from-file", at=(9,), said="0 m från 0001", schema_sees=False)
def an_id_that_nobody_has(document: dict[str, Any]) -> None:
    put(document, "0001", premises_id="X1")
    feature(document, "X1")["id"] = "X1"


@case("id-zeros", at=(9,), said='är "1", ska vara "0001"', schema_sees=False)
def an_id_that_lost_its_zeros(document: dict[str, Any]) -> None:
    put(document, "0001", premises_id="1")
    feature(document, "1")["id"] = "1"


@case(
    "differs-from-list",
    at=(9,),
    said="households (Hushåll) är ett annat än i byggnadslistan (1 st). är 3, i listan 1",
    schema_sees=False,
)
def a_count_that_was_changed(document: dict[str, Any]) -> None:
    put(document, "0001", households=3)


@case("differs-from-list", at=(9,), said="e_3006", schema_sees=False)
def a_place_that_was_changed(document: dict[str, Any]) -> None:
    move(document, "0001", small.E + 103, small.N)


@case(
    "marked-against-list",
    "differs-from-list",
    "base-differs",
    at=(9,),
    said="in_base = false",
    schema_sees=False,
    listed=small.listed().assign(in_base=lambda t: t["in_base"] & (t["premises_id"] != "0001")),
)
def marked_though_the_list_has_changed(document: dict[str, Any]) -> None:
    put(document, "0001", in_base=True)


@case("missing-from-file", said="(2 st), t.ex. 0007, 0010.", schema_sees=False)
def buildings_that_were_taken_away(document: dict[str, Any]) -> None:
    document["features"] = [
        one for one in document["features"] if one["id"] not in ("0007", "0010")
    ]


# --- what is said of the buildings -----------------------------------------------------------


@case("duplicate-id", at=(20,), said="står redan på objekt 9", schema_sees=False)
def the_same_building_twice(document: dict[str, Any]) -> None:
    document["features"].append(feature(document, "0001"))


@case("same-place", at=(9, 10), said="samma plats som 0002", schema_sees=False, listed=None)
def two_marked_in_one_place(document: dict[str, Any]) -> None:
    move(document, "0002", small.E + 100, small.N)


@case("marked-not-eligible", "differs-from-list", at=(11,))
def marked_but_not_eligible(document: dict[str, Any]) -> None:
    put(document, "0003", eligible=False, in_base=False, marked=True, criterion="sparse",
        motivation="Glest.")  # fmt: skip


@case("marked-not-in-base", "differs-from-list", at=(11,))
def marked_but_empty(document: dict[str, Any]) -> None:
    put(document, "0003", in_base=False, marked=True, criterion="sparse", motivation="Glest.")


@case(
    "marked-holiday-home",
    at=(19,),
    said="Fritidshus är prioriterade (1 st).",
)
def a_holiday_home_marked(document: dict[str, Any]) -> None:
    put(document, "0017", marked=True, criterion="sparse", motivation="Glest.")


@case("base-not-eligible", "differs-from-list", at=(11,))
def counted_but_not_eligible(document: dict[str, Any]) -> None:
    put(document, "0003", eligible=False)


@case("base-without-homes", "differs-from-list", at=(19,), schema_sees=False)
def counted_but_without_homes(document: dict[str, Any]) -> None:
    put(document, "0017", in_base=True)


@case("missing-criterion", at=(9,))
def marked_without_a_criterion(document: dict[str, Any]) -> None:
    put(document, "0001", criterion=None)


@case("missing-motivation", at=(9,), said="PTS kräver den")
def marked_without_a_motivation(document: dict[str, Any]) -> None:
    put(document, "0001", motivation=None)


@case(
    "unknown-criterion",
    at=(9,),
    said='är "sparse, fast"; kända är societal_functions',
    schema_sees=False,
)
def a_criterion_that_pts_has_not(document: dict[str, Any]) -> None:
    put(document, "0001", criterion="sparse, fast")


@case("wrong-value", at=(9,), said="kriteriets namn med små bokstäver")
def a_criterion_in_words(document: dict[str, Any]) -> None:
    put(document, "0001", criterion="Glest och långt")


@case(
    "quota-exceeded",
    said="6 byggnader är prioriterade, 2 fler än kvoten: högst 4 av 16.",
    schema_sees=False,
)
def beyond_the_quota(document: dict[str, Any]) -> None:
    for id_ in ("0003", "0004", "0012"):
        put(document, id_, marked=True, criterion="sparse", motivation="Glest.")


@case(
    "base-differs",
    said="Filen säger att 99 byggnader räknas i kvoten, men 16 gör det.",
    schema_sees=False,
)
def a_base_of_another_list(document: dict[str, Any]) -> None:
    document["quota"]["base_premises"] = 99


@case("nothing-marked", schema_sees=False)
def nothing_marked(document: dict[str, Any]) -> None:
    for one in document["features"]:
        one["properties"] |= {"marked": False, "criterion": None, "motivation": None}


@case("unknown-area", at=(9,), said='är "2580-0077"', schema_sees=False)
def an_area_that_nobody_has(document: dict[str, Any]) -> None:
    put(document, "0001", area_id="2580-0077")


# --- areas -------------------------------------------------------------------------------------


@case("ring-not-closed", at=(2,), content="areas", schema_sees=False)
def an_open_ring(document: dict[str, Any]) -> None:
    ring = feature(document, "2580-0001")["geometry"]["coordinates"][0]
    ring[-1] = [ring[-1][0] + 0.001, ring[-1][1]]


@case("ring-orientation", at=(2,), content="areas", schema_sees=False)
def a_ring_the_wrong_way(document: dict[str, Any]) -> None:
    feature(document, "2580-0001")["geometry"]["coordinates"][0].reverse()


@case("ring-orientation", at=(1,), content="areas", schema_sees=False)
def a_hole_the_wrong_way(document: dict[str, Any]) -> None:
    feature(document, "0114-0001")["geometry"]["coordinates"][1].reverse()


@case("self-crossing", at=(2,), said="Self-intersection", content="areas", schema_sees=False)
def a_polygon_that_crosses_itself(document: dict[str, Any]) -> None:
    ring = feature(document, "2580-0001")["geometry"]["coordinates"][0]
    ring[1], ring[2] = ring[2], ring[1]


@case("bad-coordinates", at=(2,), content="areas")
def a_ring_of_three_positions(document: dict[str, Any]) -> None:
    geometry = feature(document, "2580-0001")["geometry"]
    geometry["coordinates"] = [geometry["coordinates"][0][:3]]


@case("wrong-geometry", at=(2,), said="Polygon, MultiPolygon", content="areas")
def a_point_for_an_area(document: dict[str, Any]) -> None:
    feature(document, "2580-0001")["geometry"] = {"type": "Point", "coordinates": [21.8, 65.6]}


@case("swapped-axes", at=(1, 2, 3), content="areas")
def areas_with_latitude_first(document: dict[str, Any]) -> None:
    for one in document["features"]:
        for ring in one["geometry"]["coordinates"]:
            for position in ring:
                position.reverse()
            ring.reverse()


@case("too-many-decimals", at=(2,), content="areas", schema_sees=False)
def an_area_with_many_decimals(document: dict[str, Any]) -> None:
    feature(document, "2580-0001")["geometry"]["coordinates"][0][1][0] += 1e-9


@case("duplicate-id", at=(4,), content="areas", schema_sees=False)
def the_same_area_twice(document: dict[str, Any]) -> None:
    document["features"].append(document["features"][0])


@case("area-counts", at=(1,), said="7 av 6", content="areas", schema_sees=False)
def more_marked_than_there_are(document: dict[str, Any]) -> None:
    put(document, "0114-0001", marked_premises=7)


@case("wrong-value", at=(1,), said="rank (Plats) ska vara ett heltal, minst 1", content="areas")
def a_rank_of_nought(document: dict[str, Any]) -> None:
    put(document, "0114-0001", rank=0)


@pytest.mark.parametrize(
    ("change", "rules", "at", "said", "schema_sees", "content", "against"), CASES
)
def test_each_kind_of_broken_submission_is_told_apart(
    change: Callable[[dict[str, Any]], Any], rules: tuple[str, ...], at: tuple[int, ...],
    said: str, schema_sees: bool, content: str, against: dict[str, Any], tmp_path: Path,
) -> None:  # fmt: skip
    document = small.document(content)
    broken = change(document)
    broken = document if broken is None else broken
    checked = small.check(broken, tmp_path / "s.geojson", **against)
    assert small.rules_found(checked) == set(rules)
    for rule in rules:
        every = [one for one in checked.remarks if one.finding.rule == rule]
        assert all(tuple(found.numbers) == at or not found.places for found in every)
        assert all(found.finding.fix for found in every)
    assert not at or any(found.places for found in checked.remarks)
    assert said in small.words_of(checked)
    if isinstance(broken, dict):
        accepted = not list(jsonschema.Draft202012Validator(schema()).iter_errors(broken))
        assert accepted is not schema_sees
    # In English too, with the same rules, and each in its own language.
    again = small.check(broken, tmp_path / "s.geojson", language="en", **against)
    assert [one.finding.rule for one in again.remarks] == [
        one.finding.rule for one in checked.remarks
    ]
    assert not english_in(small.words_of(checked).replace("Self-intersection", ""))
    assert not swedish_in(small.words_of(again))
    # Never jsonschema's own words.
    for raw in ("does not match", "is not of type", "is a required property", "not one of",
                "False schema", "is less than", "was unexpected", "is too long"):  # fmt: skip
        assert raw not in small.words_of(again)
    check_table(checked.table(), REMARKS, where="remarks")
    assert len(checked.table()) == sum(max(1, len(one.places)) for one in checked.remarks)


def test_there_are_far_more_than_thirty_kinds_of_broken_submissions() -> None:
    assert len(CASES) > 60
    assert len({rule for one in CASES for rule in one.values[1]}) > 50


# --- more than one building, more than one file ---------------------------------------------------


def test_more_than_twenty_five_marks_in_an_area_are_told_of(tmp_path: Path) -> None:
    table = sheet(small.submission(), "buildings")
    one = table[table["premises_id"] == "0001"]
    many = pd.concat([table, *[one] * 25], ignore_index=True)
    many.loc[len(table) :, "premises_id"] = [f"9{n:03}" for n in range(25)]
    many.loc[len(table) :, "e_3006"] += np.arange(1, 26)
    many = pd.concat([many, *[many[~many["marked"]]] * 6], ignore_index=True)
    many.loc[44:, "premises_id"] = [f"8{n:03}" for n in range(len(many) - 44)]
    write_csv(many, tmp_path / "s.csv")
    checked = check_submission(tmp_path / "s.csv", against=small.against(listed=None))
    assert small.rules_found(checked) == {"surplus-marks"}
    found = small.remark(checked, "surplus-marks")
    assert found.finding.severity == "info"
    assert found.ids == ["2580-0001"]
    assert found.said == ["27 prioriterade, 2 utan verkan om området blir ett projekt"]


def marked_only(document: dict[str, Any]) -> dict[str, Any]:
    document["features"] = [one for one in document["features"] if one["properties"]["marked"]]
    return document


def test_the_base_of_the_quota_is_the_list_s_or_the_whole_file_s_or_stated(tmp_path: Path) -> None:
    path = tmp_path / "s.geojson"
    checked = small.check(marked_only(small.document()), path)
    assert (checked.base, checked.allowed, checked.marked) == (16, 4, 3)
    assert not checked.remarks
    checked = small.check(marked_only(small.document()), path, listed=None)
    assert (checked.base, checked.unchecked) == (16, ("list",))
    document = marked_only(small.document())
    del document["quota"]
    checked = small.check(document, path, listed=None)
    assert (checked.base, checked.allowed) == (None, None)
    assert checked.unchecked == ("list", "quota")
    document = small.document()
    del document["quota"]
    assert small.check(document, path, listed=None).base == 16
    shorter = small.listed().iloc[:9]
    assert small.check(document, path, listed=shorter).base == 9


def test_what_cannot_be_checked_is_said(tmp_path: Path) -> None:
    checked = small.check(
        small.document(), tmp_path / "s.geojson", listed=None, municipalities=None, area_ids=None
    )
    assert checked.unchecked == ("municipalities", "list", "areas")
    assert not checked.remarks


def test_a_building_marked_twice_counts_once_in_the_quota(tmp_path: Path) -> None:
    document = small.document()
    document["features"] += [feature(document, "0001"), feature(document, "0002")]
    checked = small.check(document, tmp_path / "s.geojson")
    assert checked.marked == 3
    assert small.rules_found(checked) == {"duplicate-id"}


def test_on_the_border_a_building_is_in_either_municipality(tmp_path: Path) -> None:
    document = small.document()
    move(document, "0001", small.E + 100, small.N + 10_000)
    move(document, "0011", small.E + 200, small.N + 10_000)
    assert not small.check(document, tmp_path / "s.geojson", listed=None).remarks


def test_distance_outside_is_to_the_stated_municipality(tmp_path: Path) -> None:
    towns = small.municipalities()
    towns.loc[0, "geometry"] = box(
        small.E - 10_000, small.N - 10_000, small.E + 50, small.N + 10_000
    )
    checked = small.check(
        small.document(), tmp_path / "s.geojson", municipalities=towns, listed=None
    )
    near, far = (small.remark(checked, rule) for rule in ("outside-border", "outside-municipality"))
    assert near.ids == ["0001", "0002"]
    assert [one.split("\N{NO-BREAK SPACE}")[0] for one in near.said] == ["50", "150"]
    assert far.ids == [*(f"{n:04}" for n in range(3, 11)), "0017"]
    assert far.said[0].startswith("250")


# --- the schema and the check agree --------------------------------------------------------------

JSON = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.integers(5_000_000, 9_000_000),
    st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5), st.just("0114"),
    st.just("household"), st.just("sparse"), st.just("sparse, demand"), st.just([]), st.just({}),
    st.just("x" * 500), st.just(2.0), st.just(ABSENT),
)  # fmt: skip


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_columns_are_checked_exactly_as_jsonschema_checks_rows(data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(["buildings", "areas"]))
    name = {"buildings": "building", "areas": "area"}[content]
    row = small.document(content)["features"][0]["properties"]
    known = [*definition(name)["properties"], "other"]
    rows = []
    for _ in range(data.draw(st.integers(1, 4))):
        changed = data.draw(st.dictionaries(st.sampled_from(known), JSON, max_size=3))
        rows.append(row | changed)
    keys = sorted({key for one in rows for key in one})
    table = pd.DataFrame(
        {key: pd.Series([one.get(key, ABSENT) for one in rows], dtype=object) for key in keys}
    )
    refused = np.zeros(len(rows), dtype=bool)
    for breach in breaches(table, name):
        refused |= breach.rows
    whole = {"$ref": f"#/$defs/{name}", "$defs": schema()["$defs"]}
    judge = jsonschema.Draft202012Validator(whole)
    plain = [{key: value for key, value in one.items() if value is not ABSENT} for one in rows]
    assert refused.tolist() == [not judge.is_valid(one) for one in plain]


def places(draw: Any) -> Any:
    number = st.one_of(st.floats(54, 70), st.floats(9, 26), st.just("22"), st.none(), st.just(True))
    return draw(st.one_of(st.lists(number, max_size=4), st.none(), st.just({})))


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_what_the_check_passes_the_schema_passes(data: st.DataObject, tmp_path: Path) -> None:
    content = data.draw(st.sampled_from(["buildings", "areas"]))
    document = small.document(content)
    for _ in range(data.draw(st.integers(1, 2))):
        one = data.draw(st.sampled_from(document["features"]))
        where = data.draw(st.sampled_from(["properties", "geometry", "feature", "collection"]))
        if where == "properties":
            key = data.draw(st.sampled_from([*one["properties"], "other"]))
            value = data.draw(JSON)
            one["properties"].pop(key, None)
            if value is not ABSENT:
                one["properties"][key] = value
        elif where == "geometry":
            one["geometry"] = data.draw(st.sampled_from([None, {}, 1])) or {
                "type": data.draw(st.sampled_from(["Point", "Polygon", "MultiPolygon", None])),
                "coordinates": places(data.draw),
            }
        elif where == "feature":
            one["type"] = data.draw(st.sampled_from(["Feature", "feature", None]))
        else:
            key = data.draw(st.sampled_from(
                ["year", "quota", "audience", "provenance", "crs", "geometry", "region", "schema"]
            ))  # fmt: skip
            document[key] = data.draw(JSON.filter(lambda value: value is not ABSENT))
    checked = small.check(document, tmp_path / "s.geojson")
    if not [one for one in checked.remarks if one.finding.severity != "info"]:
        assert jsonschema.Draft202012Validator(schema()).is_valid(document)


def test_a_keyword_that_is_not_known_by_column_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = read_draft_of(small.document()).table
    about = definition("building")["properties"]
    for name, part in (("households", {"multipleOf": 2}), ("kind", {"const": 1})):
        monkeypatch.setitem(about, name, {**about[name], **part})
        with pytest.raises(NotImplementedError, match="cannot be checked by column"):
            breaches(table, "building")
        monkeypatch.undo()
    assert not breaches(table, "building")


def read_draft_of(document: dict[str, Any]) -> Any:
    rows = [one["properties"] for one in document["features"]]
    return type("Draft", (), {"table": pd.DataFrame(rows, dtype=object)})


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    junk=st.binary(max_size=60),
    at=st.integers(0, 6000),
    suffix=st.sampled_from([".geojson", ".csv", ".xlsx"]),
)
def test_no_file_makes_the_check_fail(junk: bytes, at: int, suffix: str, tmp_path: Path) -> None:
    whole = {
        ".geojson": lambda: json.dumps(small.document(), ensure_ascii=False).encode(),
        ".csv": lambda: small.to_csv(small.as_texts()),
        ".xlsx": lambda: b"PK\x03\x04" + bytes(100),
    }[suffix]()
    path = small.save(whole[:at] + junk + whole[at + len(junk) :], tmp_path / f"s{suffix}")
    checked = check_submission(path, against=small.against())
    small.words_of(checked)
    checked.table()


# --- words ---------------------------------------------------------------------------


def toml(language: str) -> dict[str, dict[str, str]]:
    text = files("bredband.text").joinpath(f"submission_{language}.toml").read_text("utf-8")
    return tomllib.loads(text)


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_hold_the_same_words_and_values() -> None:
    swedish, english = toml("sv"), toml("en")
    assert list(swedish) == list(english)
    for section, entries in swedish.items():
        assert list(entries) == list(english[section]), section
        for key, text in entries.items():
            assert holes(text) == holes(english[section][key]), (section, key)
            assert text
            assert not english_in(text.replace("{", "(").replace("}", ")")), (section, key)
    for section, entries in english.items():
        for key, text in entries.items():
            if key != "their_motivation":
                assert not swedish_in(text.replace("{", "(").replace("}", ")")), (section, key)


def test_remarks_are_a_table_with_a_row_per_feature(tmp_path: Path) -> None:
    document = small.document()
    put(document, "0001", municipality_code="12")
    put(document, "0002", municipality_code="ab")
    document["year"] = 2022
    checked = small.check(document, tmp_path / "s.geojson")
    table = checked.table()
    short = table[["rule", "number", "id"]].astype(object)
    assert short.where(table.notna(), None).to_numpy().tolist() == [
        ["wrong-year", None, None],
        ["municipality-code", 9, "0001"],
        ["municipality-code", 10, "0002"],
    ]
    assert table["message"][1].endswith('är "12"')
    assert table["fix"].str.len().gt(0).all()
    empty = small.check(small.document(), tmp_path / "s.geojson").table()
    check_table(empty, REMARKS, where="remarks")
    assert empty.empty
