"""The distance that gives the published shares: known truth, by hand, and what is held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import small_region
from bredband.calibration import calibrate, near_fibre_shares
from bredband.cli import main
from bredband.figures import as_published
from bredband.tables import CALIBRATION, check_table
from bredband_gis.errors import BadValueError, EmptyLayerError
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def shares(**by_code: float) -> pd.DataFrame:
    return pd.DataFrame(
        {"municipality_code": [code[1:] for code in by_code], "share": list(by_code.values())}
    )


def rules(found: Any) -> set[str]:
    return {finding.rule for finding in found.findings}


def world(seed: int, n: int = 4000, towns: int = 6) -> tuple[NDArray[Any], ...]:
    rng = np.random.default_rng(seed)
    distance = rng.exponential(120, n).round(1)
    distance[rng.random(n) < 0.5] = 0  # half of them have fibre
    distance[rng.random(n) < 0.05] = np.inf
    codes = rng.choice([f"25{k:02d}" for k in range(towns)], n)
    return distance, rng.integers(0, 4, n), codes


def truth(
    distance: NDArray[Any], households: NDArray[Any], codes: NDArray[Any], at: float
) -> pd.DataFrame:
    table = pd.DataFrame({"code": codes, "all": households, "near": households * (distance <= at)})
    summed = table.groupby("code")[["near", "all"]].sum()
    return pd.DataFrame(
        {"municipality_code": summed.index, "share": (summed["near"] / summed["all"]).to_numpy()}
    )


def test_two_municipalities_by_hand() -> None:
    # Town 1: 10 households, 4 with fibre, 3 at 20 m, 3 at 60 m. Town 2: 5, of which 1 has
    # fibre, 2 at 40 m, 2 far. Published: 0.75 and 0.6.
    #   d =  0: 10 (0.4 - 0.75)^2 + 5 (0.2 - 0.6)^2 = 1.225 + 0.8 = 2.025
    #   d = 20: 10 (0.7 - 0.75)^2 + 0.8             = 0.025 + 0.8 = 0.825
    #   d = 40: 0.025 + 5 (0.6 - 0.6)^2             = 0.025            <- the lowest
    #   d = 60: 10 (1 - 0.75)^2                     = 0.625
    found = calibrate(
        [0, 20, 60, 0, 40, np.inf], [4, 3, 3, 1, 2, 2], list("111222"),
        shares(_1=0.75, _2=0.6), present_m=25,
    )  # fmt: skip
    check_table(found.table, CALIBRATION, where="calibration")
    assert (found.distance_m, found.from_m, found.until_m) == (40, 40, 60)
    assert found.table["share"].tolist() == [0.7, 0.6]
    assert found.table["points"].round(9).tolist() == [-5, 0]
    assert found.table["fibre_share"].tolist() == [0.4, 0.2]
    assert found.table["far_share"].tolist() == [1, 0.6]
    assert found.table["present_points"].round(9).tolist() == [-5, -40]
    assert found.misfit.rmse_points == pytest.approx(100 * (0.025 / 15) ** 0.5)
    assert found.misfit.mae_points == pytest.approx(100 * 10 * 0.05 / 15)
    assert found.present.rmse_points == pytest.approx(100 * (0.825 / 15) ** 0.5)
    assert found.tried == 4
    # Two are too few to hold one out, and that is said.
    assert found.held_out is None
    assert found.table["held_out_m"].isna().all()
    assert rules(found) == {"none-held-out"}


@pytest.mark.parametrize("at", [12.0, 73.0, 250.5])
def test_a_known_truth_is_found_again(at: float) -> None:
    distance, households, codes = world(3)
    found = calibrate(
        distance, households, codes, truth(distance, households, codes, at), present_m=50
    )
    assert found.from_m <= at < found.until_m
    assert found.from_m <= found.distance_m < found.until_m
    # No premises lies between: within the step the shares do not change.
    assert not ((distance > found.from_m) & (distance < found.until_m) & (households > 0)).any()
    assert found.misfit.rmse_points == pytest.approx(0, abs=1e-9)
    assert found.held_out is not None
    assert found.held_out.rmse_points == pytest.approx(0, abs=0.5)
    assert found.present.rmse_points > 1
    assert not rules(found)


def test_whole_metres_where_one_fits() -> None:
    def at(one: float, other: float) -> float:
        households, codes = [1, 1, 1], list("111")
        found = calibrate([0, one, other], households, codes, shares(_1=2 / 3), present_m=0)
        return found.distance_m

    assert at(72.4, 90) == 73
    assert at(73, 74) == 73
    assert at(72.31, 72.4) == pytest.approx(72.31)
    assert at(72.31, 72.45) == pytest.approx(72.4)


def brute_force(
    distance: NDArray[Any], households: NDArray[Any], codes: NDArray[Any], published: pd.DataFrame
) -> dict[float, float]:
    """Work J out at every distance, one by one."""
    result = {}
    for at in sorted({0.0, *distance[(distance <= 1000) & (households > 0)]}):
        total = 0.0
        for code, share in zip(published["municipality_code"], published["share"], strict=True):
            mine = codes == code
            held = households[mine].sum()
            if held:
                near = households[mine & (distance <= at)].sum()
                total += held * (near / held - share) ** 2
        result[float(at)] = total
    return result


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_the_minimum_is_that_of_trying_every_distance(seed: int, published: list[float]) -> None:
    distance, households, codes = world(seed, n=40, towns=3)
    table = pd.DataFrame({"municipality_code": ["2500", "2501", "2502"], "share": published})
    found = calibrate(distance, households, codes, table, present_m=50)
    costs = brute_force(distance, households, codes, table)
    assert costs[found.from_m] == pytest.approx(min(costs.values()), abs=1e-9)
    held = households.sum()
    assert found.misfit.rmse_points == pytest.approx(100 * (min(costs.values()) / held) ** 0.5)
    # A larger distance never lowers a share.
    assert (found.table["fibre_share"] <= found.table["share"]).all()
    assert (found.table["share"] <= found.table["far_share"]).all()
    # The order of rows changes nothing.
    order = np.random.default_rng(seed).permutation(len(distance))
    again = calibrate(distance[order], households[order], codes[order], table, present_m=50)
    pd.testing.assert_frame_equal(found.table, again.table)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_what_is_held_out_has_no_say(seed: int, other: float) -> None:
    distance, households, codes = world(seed, n=200, towns=4)
    table = truth(distance, households, codes, 73.0)
    table["share"] += [0.02, -0.03, 0.01, 0.0]
    table["share"] = table["share"].clip(0, 1)
    changed = table.copy()
    changed.loc[1, "share"] = other
    first, second = (
        calibrate(distance, households, codes, t, present_m=50).table for t in (table, changed)
    )
    assert first.loc[1, "held_out_m"] == second.loc[1, "held_out_m"]
    # The same as calibrating without that municipality: any distance between two buildings
    # of the others gives the same shares, so where between them does not matter.
    alone = calibrate(distance, households, codes, table.drop(index=1), present_m=50)
    assert alone.from_m <= first.loc[1, "held_out_m"] <= alone.until_m


def test_a_poor_fit_is_told() -> None:
    distance, households, codes = world(5)
    table = truth(distance, households, codes, 73.0)
    good = calibrate(distance, households, codes, table, present_m=50)
    assert "poor-fit" not in {finding.rule for finding in good.findings}
    table["share"] = table["share"].to_numpy()[::-1]
    poor = calibrate(distance, households, codes, table, present_m=50)
    assert poor.held_out is not None
    told = "poor-fit" in {finding.rule for finding in poor.findings}
    assert told == (poor.held_out.rmse_points > 5)
    table["share"] = np.where(np.arange(len(table)) % 2 == 0, 0.99, 0.05)
    worst = calibrate(distance, households, codes, table, present_m=50)
    assert "poor-fit" in {finding.rule for finding in worst.findings}


def test_held_out_points_are_at_the_held_out_distance() -> None:
    distance, households, codes = world(5)
    table = truth(distance, households, codes, 73.0)
    table.loc[0, "share"] += 0.1
    found = calibrate(distance, households, codes, table, present_m=50)
    row = found.table.iloc[0]
    mine = codes == row["municipality_code"]
    near = households[mine & (distance <= row["held_out_m"])].sum() / households[mine].sum()
    assert row["held_out_points"] == pytest.approx(100 * (near - row["published_share"]))
    assert found.held_out is not None
    assert found.held_out.rmse_points > found.misfit.rmse_points
    weight, points = found.table["households"], found.table["held_out_points"]
    assert found.held_out.mae_points == pytest.approx((weight * points.abs()).sum() / weight.sum())


def test_what_makes_a_distance_doubtful_is_told() -> None:
    distance, households, codes = [0, 50, 200, np.inf], [5, 2, 2, 1], list("1111")
    over = calibrate(distance, households, codes, shares(_1=0.3), present_m=50)
    assert {"below-fibre", "at-zero", "none-held-out"} == rules(over)
    assert over.distance_m == 0
    under = calibrate(distance, households, codes, shares(_1=0.95), present_m=50, max_m=100)
    assert {"beyond-reach", "at-the-end", "none-held-out"} == rules(under)
    assert (under.from_m, under.until_m) == (50, 100)
    assert under.table["far_share"].tolist() == [0.7]
    # The present distance may be beyond what is tried.
    beyond = calibrate(distance, households, codes, shares(_1=0.9), present_m=300, max_m=100)
    assert beyond.present.rmse_points == pytest.approx(0)
    both = calibrate([0, 1], [1, 1], list("12"), shares(_1=0.9, _3=0.5), present_m=50)
    assert {"no-households", "no-published-share"} <= rules(both)


def test_a_bound_costs_nothing_inside() -> None:
    published = shares(_1=0.75).assign(bound=">")
    found = calibrate([0, 20, 60, 80], [4, 3, 2, 1], list("1111"), published, present_m=0)
    # 0.7 at 20 m is below the bound, 0.9 at 60 m above it: the first that costs nothing.
    assert (found.from_m, found.until_m) == (60, 80)
    assert found.misfit.rmse_points == 0
    assert found.present.mae_points == pytest.approx(35)


def test_refusals() -> None:
    with pytest.raises(BadValueError, match="no distance, or a negative"):
        calibrate([0, np.nan], [1, 1], list("11"), shares(_1=0.5), present_m=50)
    with pytest.raises(BadValueError, match="more than one published share for 1"):
        calibrate([0], [1], ["1"], pd.concat([shares(_1=0.5)] * 2), present_m=50)
    with pytest.raises(BadValueError, match="outside 0-1"):
        calibrate([0], [1], ["1"], shares(_1=85.0), present_m=50)
    with pytest.raises(EmptyLayerError, match="no municipality has both"):
        calibrate([0], [0], ["1"], shares(_1=0.5), present_m=50)


def published(rows: list[tuple[str | None, str | None, float]], **more: Any) -> pd.DataFrame:
    code, name, share = zip(*rows, strict=True)
    table = pd.DataFrame({
        "file": "t.xlsx", "series": "s", "definition": "d", "area_kind": "municipality",
        "area_code": code, "area_name": name, "segment": "total", "base": "households",
        "measure": "access", "access": "near_fibre", "year": 2022, "share": share, "bound": "=",
    } | more)  # fmt: skip
    return as_published([table])


def test_shares_near_fibre_are_taken_by_code_or_name() -> None:
    towns = pd.DataFrame(
        {"municipality_code": ["2523", "2580"], "municipality_name": ["Gällivare", "Luleå"]}
    )
    rows = [(None, "Gällivare kommun", 0.85), ("2580", None, 0.9), (None, "Kalix", 0.8)]
    taken, findings = near_fibre_shares(published(rows), towns, year=2022)
    assert taken["municipality_code"].tolist() == ["2523", "2580"]
    assert taken["municipality_name"].tolist() == ["Gällivare", "Luleå"]
    assert not findings
    _, findings = near_fibre_shares(published(rows), towns, year=2020)
    assert [finding.rule for finding in findings] == ["year-differs"]
    passed = published(rows, measure="passed", access=None, speed_mbit=1000)
    with pytest.raises(EmptyLayerError, match="the figures are: passed"):
        near_fibre_shares(passed, towns, year=2022)
    with pytest.raises(EmptyLayerError, match="none of the region's"):
        near_fibre_shares(published([("1280", None, 0.9)]), towns, year=2022)


def test_command_prints_the_line_to_write_and_edits_nothing(tmp_path: Path) -> None:
    """Väst: 4 of 10 have fibre, 2 more at 30 m of the route; the rest are kilometres off."""
    folder = small_region.write(tmp_path / "region")
    before = (folder / "region.toml").read_bytes()
    path = tmp_path / "p.csv"
    path.write_text("municipality_code,share\n2501,0.6\n2502,0\n", encoding="utf-8")
    done = CliRunner().invoke(
        main, ["calibrate", str(folder), "--published", str(path)], env={"COLUMNS": "200"}
    )
    said = done.output.replace("\u00a0", " ")
    assert done.exit_code == 0, said
    assert "proximity_m = 30\n" in said
    assert "region.toml" in said
    assert "none-held-out" in said
    assert (folder / "region.toml").read_bytes() == before
    path.write_text(
        "municipality_code,share,measure,speed_mbit\n2501,0.6,passed,1000\n", encoding="utf-8"
    )
    done = CliRunner().invoke(main, ["calibrate", str(folder), "--published", str(path)])
    assert done.exit_code == 1
    assert "ingen andel av hushåll i närhet av fiber" in done.output
