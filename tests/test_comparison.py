"""Ours beside the published: what may be compared, what is refused, and what is said of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import small_region
from bredband.calibration import calibrate_region
from bredband.cli import main
from bredband.comparison import NotComparableError, compare, largest, read_result
from bredband.demo import make_norrbotten
from bredband.figures import as_published
from bredband.inputs import find_status, read_inputs
from bredband.region import Region
from bredband.statistics import coverage_table, technology_table
from bredband.tables import COMPARISON, STATISTICS, TECHNOLOGY, check_table
from bredband_gis.errors import BadValueError, GeodataError, UnreadableSourceError
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

    from bredband.inputs import Inputs

TOWNS = {"2580": ("Luleå", 40_000), "2523": ("Gällivare", 8_700), "2513": ("Överkalix", 1_700)}


def ours(
    shares: dict[str, float], measure: str = "connected", speed: int = 100, **more: Any
) -> pd.DataFrame:
    """Make our table of a measure: municipalities, their county, both bases."""
    rows = []
    for base in ("households", "workplaces"):
        for code, share in shares.items():
            name, total = TOWNS[code]
            rows.append(("municipality", code, name, base, total, share))
        total = sum(TOWNS[code][1] for code in shares)
        mean = sum(TOWNS[code][1] * share for code, share in shares.items()) / total
        rows.append(("county", "25", "Norrbottens län", base, total, mean))
        rows.append(("region", "25", "Norrbottens län", base, total, mean))
    table = pd.DataFrame(
        rows, columns=["area_kind", "area_code", "area_name", "base", "total", "share"]
    ).assign(segment="total", measure=measure, speed_mbit=speed, year=2020)
    table["served"] = (table["total"] * table["share"]).round().astype("int64")
    types = {name: str(column.dtype) for name, column in STATISTICS.columns.items()}
    return table[list(types)].astype(types).assign(**more)


def technology(shares: dict[str, float], access: str = "near_fibre") -> pd.DataFrame:
    table = ours(shares).assign(access=access)
    types = {name: str(column.dtype) for name, column in TECHNOLOGY.columns.items()}
    return table[list(types)].astype(types)


def theirs(shares: dict[str, float], **more: Any) -> pd.DataFrame:
    """Make published figures, by code or, where a key is no code, by name."""
    has_code = [key.isdigit() for key in shares]
    table = pd.DataFrame(
        {
            "file": "p.xlsx", "series": "s", "definition": "d",
            "area_kind": [
                "municipality" if len(key) == 4 or not code else "county"
                for key, code in zip(shares, has_code, strict=True)
            ],
            "area_code": [k if code else None for k, code in zip(shares, has_code, strict=True)],
            "area_name": [None if code else k for k, code in zip(shares, has_code, strict=True)],
            "segment": "total", "base": "households", "measure": "connected", "speed_mbit": 100,
            "year": 2020, "share": list(shares.values()), "bound": "=", **more,
        }
    )  # fmt: skip
    return as_published([table])


def rules(found: Any) -> set[str]:
    return {finding.rule for finding in found.findings}


def test_three_municipalities_by_hand() -> None:
    found = compare(
        ours({"2580": 0.88, "2523": 0.83, "2513": 0.55}), None,
        theirs({"2580": 0.88, "Gällivare": 0.81, "2513": 0.57, "25": 0.86}),
    )  # fmt: skip
    check_table(found.table, COMPARISON, where="comparison")
    points = found.table.set_index("area_name")["points"].round(6)
    assert points[["Luleå", "Gällivare", "Överkalix"]].tolist() == [0, 2, -2]
    # County: ours (40 000 x 0.88 + 8 700 x 0.83 + 1 700 x 0.55) / 50 400 = 86.0238 %.
    assert points["Norrbottens län"] == pytest.approx(0.0238, abs=1e-4)
    row = found.summary.iloc[0]
    assert row["municipalities"] == 3
    assert row["mean_points"] == pytest.approx((8_700 * 2 - 1_700 * 2) / 50_400)
    assert row["mean_absolute_points"] == pytest.approx((8_700 * 2 + 1_700 * 2) / 50_400)
    assert set(largest(found.table, 2)["area_name"]) == {"Gällivare", "Överkalix"}
    assert not found.findings
    assert "region" not in set(found.table["area_kind"])


def test_both_definitions_stand_in_words() -> None:
    passed = compare(
        ours({"2580": 0.95}, "passed", 1000), None,
        theirs({"2580": 0.96}, measure="passed", speed_mbit=1000, definition="Kolada: …"),
        proximity_m=50, language="en",
    ).table.iloc[0]  # fmt: skip
    words = passed["definition"].replace("\u00a0", " ")
    assert words == (
        "We: share of households with at least 1 Gbit/s by wire, connected or within 50 m of fibre"
    )
    assert passed["published_definition"] == "Kolada: …"
    near = compare(
        ours({"2580": 0.5}), technology({"2580": 0.9}),
        theirs({"2580": 0.91}, measure="access", access="near_fibre", speed_mbit=None),
    ).table.iloc[0]  # fmt: skip
    assert near["points"] == pytest.approx(-1)
    assert "gränsavståndet" in near["definition"]
    assert pd.isna(near["speed_mbit"])


@pytest.mark.parametrize(("asked", "has"), [("connected", "passed"), ("passed", "connected")])
def test_connected_and_passed_are_never_compared(asked: str, has: str) -> None:
    both = pd.concat([ours({"2580": 0.8}), ours({"2580": 0.9}, "passed")])
    published = theirs({"2580": 0.9}, measure=has)
    with pytest.raises(NotComparableError, match=f"{asked} is asked for.*{has}") as refused:
        compare(both, None, published, measure=asked)
    assert isinstance(refused.value, GeodataError)
    assert f"--measure {has}" in str(refused.value)
    # Also where the file has the measure, but at another speed only.
    mixed = pd.concat([published, theirs({"2580": 0.9}, measure=asked, speed_mbit=1000)])
    with pytest.raises(NotComparableError, match="asked for"):
        compare(both, None, mixed, measure=asked, speed_mbit=100)
    # Not asked for, each is compared with its own.
    assert set(compare(both, None, published).table["measure"]) == {has}
    with pytest.raises(BadValueError, match="planned"):
        compare(both, None, published, measure="planned")


def test_nothing_in_common_says_what_each_side_has() -> None:
    with pytest.raises(NotComparableError) as refused:
        compare(ours({"2580": 0.8}), None, theirs({"1280": 0.9, "1281": 0.9}, speed_mbit=30))
    said = str(refused.value)
    assert "Ours: connected 100 Mbit/s; of households, workplaces in total, 2020-2020" in said
    assert "areas Luleå" in said
    assert "Published: connected 30 Mbit/s; of households in total" in said
    assert "1280, 1281" in said
    access = theirs({"2580": 0.9}, measure="access", access="fibre", speed_mbit=None)
    with pytest.raises(NotComparableError, match="access to fibre"):
        compare(ours({"2580": 0.8}), None, access)


@pytest.mark.parametrize(
    "other", [{"segment": "tätbyggt"}, {"base": "workplaces"}, {"speed_mbit": 1000}]
)
def test_only_the_same_is_joined(other: dict[str, Any]) -> None:
    table = ours({"2580": 0.8})
    with pytest.raises(NotComparableError, match="nothing can be compared"):
        compare(table[table["base"] == "households"], None, theirs({"2580": 0.9}, **other))


def test_the_same_year_is_taken_and_others_are_told() -> None:
    series = pd.concat([theirs({"2580": 0.80 + n / 100}, year=2015 + n) for n in range(9)])
    same = compare(ours({"2580": 0.85}), None, series)
    assert same.table["published_year"].tolist() == [2020]
    assert same.table["points"].iloc[0] == pytest.approx(0)
    assert not same.findings
    later = compare(ours({"2580": 0.85}), None, series, year=2022)
    assert later.table["points"].iloc[0] == pytest.approx(-2)
    assert {"year-differs", "series-break"} == rules(later)
    assert "2020/21" in next(f.message for f in later.findings if f.rule == "series-break")
    earlier = compare(ours({"2580": 0.85}), None, series, year=2018)
    assert rules(earlier) == {"year-differs"}
    old = compare(ours({"2580": 0.85}), None, theirs({"2580": 0.4}, year=2014))
    assert "2014/15" in next(f.message for f in old.findings if f.rule == "series-break")


def test_bounds_give_points_only_outside() -> None:
    mine = ours({"2580": 0.99995, "2523": 0.98, "2513": 0.0})
    above = compare(mine, None, theirs({"2580": 0.9999, "2523": 0.9999}, bound=">")).table
    points = above.set_index("area_name")["points"]
    assert pd.isna(points["Luleå"])
    assert points["Gällivare"] == pytest.approx(-1.99)
    below = compare(mine, None, theirs({"2513": 0.0001, "2523": 0.0001}, bound="<")).table
    points = below.set_index("area_name")["points"]
    assert pd.isna(points["Överkalix"])
    assert points["Gällivare"] == pytest.approx(97.99)
    assert (below["bound"] == "<").all()


def test_what_our_data_hold_nothing_of_is_not_compared_as_nothing() -> None:
    shares = {"2580": 0.9, "2513": 0.6}
    tech = pd.concat(
        [technology(shares), technology(dict.fromkeys(shares, 0.0), "lte")], ignore_index=True
    )
    published = pd.concat(
        [
            theirs(shares, measure="access", access="near_fibre", speed_mbit=None),
            theirs(dict.fromkeys(shares, 0.99), measure="access", access="lte", speed_mbit=None),
        ],
        ignore_index=True,
    )
    found = compare(ours(shares), tech, published)
    assert set(found.table["access"]) == {"near_fibre"}
    told = {finding.rule: finding.message for finding in found.findings}
    assert "4G" in told["no-layer"]


def test_other_bases_totals_and_missing_places_are_told() -> None:
    mine = ours({"2580": 0.88, "2523": 0.83}, provenance="synthetic")
    people = theirs({"2580": 0.88}, counted="inhabitants", total=44_000)
    found = compare(mine, None, people, language="en")
    assert rules(found) == {"base-differs", "totals-differ", "not-published", "not-real"}
    said = {finding.rule: finding.message for finding in found.findings}
    assert "Luleå, total: 40,000 against 44,000 households" in said["totals-differ"]
    assert "Gällivare" in said["not-published"]
    assert set(found.table["provenance"]) == {"synthetic"}
    near = compare(ours({"2580": 0.88}), None, theirs({"2580": 0.88}, total=40_900))
    assert not near.findings  # 2.2 % apart
    more = pd.concat([theirs({"2580": 0.88}), theirs({"2580": 0.9}, speed_mbit=30, series="30")])
    assert "not-compared" in rules(compare(ours({"2580": 0.88}), None, more))


@settings(deadline=None, max_examples=8)
@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
    st.permutations(range(3)),
)
def test_order_of_rows_changes_nothing_and_swapping_sides_turns_the_sign(
    left: list[float], right: list[float], order: list[int]
) -> None:
    mine, their = (dict(zip(TOWNS, values, strict=True)) for values in (left, right))
    straight = compare(ours(mine), None, theirs(their))
    shuffled = compare(
        ours(mine).sample(frac=1, random_state=1), None, theirs(their).iloc[list(order)]
    )
    pd.testing.assert_frame_equal(straight.table, shuffled.table)
    turned = compare(ours(their), None, theirs(mine))
    assert turned.summary["mean_points"].iloc[0] == pytest.approx(
        -straight.summary["mean_points"].iloc[0], abs=1e-9
    )
    assert straight.summary["mean_points"].abs().iloc[0] <= (
        straight.summary["mean_absolute_points"].iloc[0] + 1e-9
    )


# --- result folders and the command ---------------------------------------------------------------


def result(folder: Path, **more: Any) -> Path:
    """Write what a comparison reads from the results of a run."""
    folder.mkdir()
    settings = {
        "region": {"language": "sv", "year": 2020}, "definitions": {"proximity_m": 50.0},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps({"settings": settings}), encoding="utf-8")
    mine = {"2580": 0.88, "2523": 0.83, "2513": 0.55}
    both = pd.concat([ours(mine), ours({k: v + 0.1 for k, v in mine.items()}, "passed")])
    both.to_csv(folder / "coverage.csv", index=False)
    technology(mine, "fibre").to_csv(folder / "technology.csv", index=False)
    return folder


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(word) for word in words], env={"COLUMNS": "200"})
    return done.exit_code, done.output.replace("\u00a0", " ")


def plain(path: Path, measure: str, *, speed: str = "100") -> Path:
    path.write_text(
        f"kommunkod;andel;år;mått;speed_mbit\n2580;88,5;2020;{measure};{speed}\n"
        f"2523;83,04;2020;{measure};{speed}\n2513;55;2020;{measure};{speed}\n",
        encoding="utf-8",
    )
    return path


def test_command_prints_the_table_and_writes_it(tmp_path: Path) -> None:
    code, said = run(
        "compare", result(tmp_path / "out"), plain(tmp_path / "p.csv", "connected"),
        "--out", tmp_path / "t.csv",
    )  # fmt: skip
    assert code == 0, said
    assert "Luleå" in said
    assert "88,5 %" in said
    assert "-0,5" in said
    assert "Vi: andel hushåll med minst 100 Mbit/s trådbundet, anslutna" in said
    assert "p.csv: andel hushåll med minst 100 Mbit/s" in said
    assert "3 kommuner: i medel -0,4 procentenheter" in said
    table = pd.read_csv(tmp_path / "t.csv", dtype={"area_code": str})
    assert table["area_code"].tolist() == ["2513", "2523", "2580"]
    assert table.loc[table["area_code"] == "2580", "points"].iloc[0] == pytest.approx(-0.5)


def test_command_refuses_with_exit_code_1(tmp_path: Path) -> None:
    folder, path = result(tmp_path / "out"), plain(tmp_path / "p.csv", "passed", speed="1000")
    code, said = run("compare", folder, path, "--measure", "connected")
    assert code == 1
    assert "connected är valt" in said
    assert "Traceback" not in said
    code, said = run("compare", folder, path)
    assert (code, "inget kan jämföras" in said) == (1, True)
    code, said = run("compare", tmp_path, path)
    assert (code, "ingen resultatmapp" in said) == (1, True)
    (folder / "coverage.csv").write_text("area_kind,area_code\nx", encoding="utf-8")
    code, said = run("compare", folder, path)
    assert code == 1
    assert "Traceback" not in said


def test_cut_off_results_are_told(tmp_path: Path) -> None:
    folder = result(tmp_path / "out")
    whole = (folder / "manifest.json").read_text(encoding="utf-8")
    (folder / "manifest.json").write_text(whole[:20], encoding="utf-8")
    with pytest.raises(UnreadableSourceError, match="cut off or not whole"):
        read_result(folder)


def test_many_series_are_summed_up_and_can_be_chosen(tmp_path: Path) -> None:
    folder = result(tmp_path / "out")
    lines = ["kommunkod,share,year,measure,speed_mbit,base"]
    lines += [
        f"{code},0.5,2020,{measure},{speed},{base}"
        for code in TOWNS for base in ("households", "workplaces")
        for measure, speed in (("connected", 100), ("passed", 100), ("fibre", 0))
    ]  # fmt: skip
    (tmp_path / "p.csv").write_text("\n".join(lines), encoding="utf-8")
    code, said = run("compare", folder, tmp_path / "p.csv", "--lang", "en")
    assert code == 0, said
    assert "Choose a series" in said
    assert said.count("3 municipalities") == 3  # those of households
    code, said = run("compare", folder, tmp_path / "p.csv", "--measure", "access", "--lang", "en",
                     "--base", "workplaces")  # fmt: skip
    assert "Technology: fibre: workplaces, total" in said
    assert "Choose a series" not in said


def test_on_a_region_run_by_the_chain(tmp_path: Path) -> None:
    """Väst: 4 of 10 households connected, 6 with those passed; Öst: 0 of 8."""
    folder = small_region.write(tmp_path / "region")
    code, said = run("run", folder, "--out", tmp_path / "out", "-q")
    assert code == 0, said
    path = tmp_path / "p.csv"
    path.write_text(
        "municipality_name,share,year,measure,speed_mbit\n"
        "Väst kommun,0.5,2024,connected,100\nÖst,0.25,2024,connected,100\n"
        "Väst,0.6,2024,near_fibre,\n",
        encoding="utf-8",
    )
    code, said = run("compare", tmp_path / "out", path, "--out", tmp_path / "t.csv")
    assert code == 0, said
    table = pd.read_csv(tmp_path / "t.csv").set_index(["measure", "area_name"])["points"]
    assert table["connected", "Väst"] == pytest.approx(-10)
    assert table["connected", "Öst"] == pytest.approx(-25)
    assert table["access", "Väst"] == pytest.approx(0)


@pytest.fixture(scope="module")
def norrbotten(tmp_path_factory: pytest.TempPathFactory) -> tuple[Region, Inputs, pd.DataFrame]:
    """The example region as far as the status of its premises."""
    folder = tmp_path_factory.mktemp("norrbotten")
    make_norrbotten(folder)
    region = Region.read(folder)
    inputs = read_inputs(region)
    return region, inputs, pd.DataFrame(find_status(region, inputs))


def test_the_example_region_beside_published_figures(
    norrbotten: tuple[Region, Inputs, pd.DataFrame], shared_data: Path
) -> None:
    region, inputs, status = norrbotten
    where = {
        "municipalities": inputs.municipalities, "region_code": region.region.code,
        "region_name": region.region.name, "year": region.region.year,
    }  # fmt: skip
    coverage = coverage_table(status, speeds_mbit=[30, 100, 1000], **where)
    anchors = pd.read_csv(shared_data / "sverige" / "pts_anchors_from_web.csv", dtype=str)
    anchors = anchors[(anchors["segment"] == "total") & (anchors["year_oct"] == "2020")]
    access = {"hh_fibre_connected": "fibre", "hh_fibre_connected_or_near": "near_fibre"}
    kept = anchors[anchors["metric"].isin(["hh_100mbit", *access])]
    published = as_published([
        pd.DataFrame({
            "file": "anchors", "series": kept["metric"], "definition": kept["source"],
            "area_kind": "municipality", "area_code": kept["code"], "segment": "total",
            "base": "households", "year": 2020, "share": kept["percent"].astype(float) / 100,
            "measure": kept["metric"].map({"hh_100mbit": "connected"}).fillna("access"),
            "access": kept["metric"].map(access), "bound": "=",
            "speed_mbit": kept["metric"].map({"hh_100mbit": 100}),
            "total": kept["households_base"].astype(float),
        })
    ])  # fmt: skip
    found = compare(coverage, technology_table(status, **where), published)
    points = found.table.set_index(["measure", "access", "area_name"])["points"]
    # The example is pinned to these: Luleå 88, Överkalix 55, Gällivare 83.04 % and its fibre 75.59.
    connected = points.xs("connected").droplevel(0)
    assert set(connected.index) == {"Luleå", "Överkalix", "Gällivare"}
    assert connected.abs().max() < 0.2
    assert points["access", "fibre", "Gällivare"] == pytest.approx(0, abs=0.2)
    # Gällivare's households of 2020 are 10 274: another base than the example's, and told.
    assert "totals-differ" in rules(found)
    # Its own share near fibre gives its own proximity back.
    technology = technology_table(status, **where)
    near = technology[
        (technology["access"] == "near_fibre") & (technology["base"] == "households")
        & (technology["area_kind"] == "municipality") & (technology["segment"] == "total")
    ]  # fmt: skip
    mine = near.assign(file="own", series="s", definition="d", measure="access", bound="=")
    calibrated = calibrate_region(region, inputs, as_published([mine]), max_m=500)
    present = region.definitions.proximity_m
    assert calibrated.from_m <= present < calibrated.until_m
    assert calibrated.distance_m == present
    assert calibrated.table["held_out_m"].between(0.99 * present, 1.01 * present).all()
    assert "not-real" in rules(calibrated)
