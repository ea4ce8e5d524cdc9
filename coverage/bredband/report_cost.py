"""The report's chapter on cost: per municipality, the curve, goals, shares, what matters most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bredband.phrases import translate
from bredband.report_blocks import (
    Chapter,
    Figure,
    Row,
    Table,
    Text,
    chapter,
    places,
    spanned,
    widen,
)
from bredband.report_charts import draw_curve, draw_ranges, draw_swings
from bredband.tables import TOTAL

if TYPE_CHECKING:
    import pandas as pd

    from bredband.report_blocks import Block, Material

NOW: Final = "now"
"""The row of goal_cost that is where one stands."""

_PLACES: Final = ("municipality", "region")


def cost_chapter(m: Material) -> Chapter | None:
    """Tell what the rest costs, who pays, how sure that is, and what the last resort is."""
    if m.get("cost", m.w.chapter.cost) is None:
        return None
    made = (
        ("rest", _rest(m)),
        ("curve", _curve(m)),
        ("goal_cost", _goals(m)),
        ("next_percent", _next(m)),
        ("shares", _shares(m)),
        ("last_resort", _last_resort(m)),
        ("tornado", _tornado(m)),
    )
    return chapter(m.w, "cost", made)


def interval(m: Material, measure: str, kind: str, code: str) -> pd.Series[Any] | None:
    """Give the interval of a sum in an area; None where there is none."""
    rows = m.pick("intervals", measure=measure, area_kind=kind, area_code=code)
    return None if rows is None else rows.iloc[0]


def _rest(m: Material) -> list[Block]:
    w, said = m.w, m.w.cost
    rows = places(m.tables["cost"])
    intervals = m.get("intervals", w.cost.range)
    known: dict[tuple[str, str, str], dict[Any, Any]] = {}
    if intervals is not None:
        known = {(one["area_kind"], one["area_code"], one["measure"]): one
                 for one in intervals.to_dict("records")}  # fmt: skip

    def band(row: dict[Any, Any], measure: str) -> str:
        found = known.get((row["area_kind"], row["area_code"], measure))
        if found is None:
            return w.missing
        return spanned(w, found["p10_sek"], found["p90_sek"])

    has_support = "support_sek" in rows
    first, second = [], []
    for row in rows.to_dict("records"):
        last = row["area_kind"] == "region"
        name = str(row["area_name"])
        first.append(
            Row(
                [name, w.number(row["unserved_households"]), w.number(row["unreached_households"]),
                 w.length(row["trench_m"]), w.money(row["capex_sek"]), band(row, "capex"),
                 *([w.money(row["support_sek"]), band(row, "support")] if has_support else [])],
                total=last,
            )
        )  # fmt: skip
        second.append(
            Row(
                [name, w.number(row["reached_households"]), w.money(row["capex_sek"]),
                 w.money(row["own_contribution_sek"]), w.money(row["operator_revenue_sek"]),
                 w.money(row["gap_sek"]), w.money(row["gap_per_household_sek"])],
                total=last,
            )
        )  # fmt: skip
    blocks: list[Block] = [Text(" ".join([said.lead, *_proof(m)]))]
    band_heads = [said.value, said.range]
    heads = [w.table.municipality, said.unserved, said.unreached, said.trench, *band_heads]
    groups = [("", 4), (said.capex, 2)]
    if has_support:
        heads += band_heads
        groups.append((said.support, 2))
    blocks.append(Table(said.caption, heads, first, groups=groups))
    draws = int(intervals["draws"].iloc[0]) if intervals is not None else 0
    notes = [w.fill("cost.note", draws=w.number(draws))] if draws else []
    blocks.append(Text(" ".join([*notes, *_scope(m)]), note=True))
    blocks += _ranges(m, rows, known)
    heads = [w.table.municipality, said.reached, said.capex, said.own, said.operator, said.gap,
             said.each]  # fmt: skip
    blocks.append(Table(said.caption_paid, heads, second))
    return blocks


def _proof(m: Material) -> list[str]:
    above = m.manifest.get("network", {}).get("at_most_above_cheapest")
    if above is None:
        return []
    if above < 5e-7:
        return [m.w.cost.network_best]
    return [m.w.fill("cost.network", share=m.w.percent(above, 2))]


def _scope(m: Material) -> list[str]:
    prices = m.settings.get("prices", {})
    scope = prices.get("scope")
    told = [m.w.cost[f"scope_{scope}"]] if scope in ("passed", "connected") else []
    take_up = prices.get("takeup", {}).get(TOTAL, {}).get("value")
    if scope == "connected" and take_up is not None:
        told.append(m.w.fill("cost.takeup_note", share=m.w.percent(take_up, 0)))
    return told


def _ranges(
    m: Material, rows: pd.DataFrame, known: dict[tuple[str, str, str], dict[Any, Any]]
) -> list[Block]:
    w, said = m.w, m.w.cost
    own = rows[rows["area_kind"] == "municipality"]
    own = own[own["area_code"].map(lambda code: ("municipality", code, "support") in known)]
    if len(own) < 2 or "support_sek" not in own:
        return []
    own = own.sort_values("support_sek", ascending=False)
    bands = [known["municipality", code, "support"] for code in own["area_code"]]
    svg = draw_ranges(
        [str(name) for name in own["area_name"]],
        [one["p10_sek"] / 1e6 for one in bands],
        own["support_sek"] / 1e6,
        [one["p90_sek"] / 1e6 for one in bands],
        number=w.number, words=(said.point, said.range), name="support",
        title=said.ranges_title, description=said.ranges_desc,
    )  # fmt: skip
    return [Figure(svg, said.ranges_title)]


# ---- the curve ------------------------------------------------------------------------


def _curve(m: Material) -> list[Block]:
    w, said = m.w, m.w.cost
    curve = m.pick("cost_curve", w.section.curve, area_kind="region")
    if curve is None or len(curve) < 2:
        return []
    curve = curve.sort_values("step")
    share = curve["share"].to_numpy(float)
    goals = m.pick("goal_cost", area_kind="region")
    levels = [] if goals is None else [
        (w.percent(row["target"], _decimals(row["target"])), float(row["target"]))
        for row in goals.to_dict("records") if row["goal"] != NOW
    ]  # fmt: skip
    limits = m.pick("last_resort", area_kind="region")
    points: list[tuple[str, float, float]] = []
    if limits is not None:
        one = limits[limits["technology"] == limits["technology"].iloc[0]]
        points = [
            (w.fill("cost.curve_threshold", sek=w.money(row["threshold_sek"])),
             float(row["wired_sek"]) / 1e6, float(row["wired_share"]))
            for row in one.sort_values("threshold_sek").to_dict("records")
        ]  # fmt: skip
    title = w.fill("cost.curve_title", region=m.region)
    svg = draw_curve(
        {
            said.curve_capex: (curve["cumulative_sek"] / 1e6, share),
            said.curve_support: (curve["cumulative_support_sek"] / 1e6, share),
        },
        goals=levels, thresholds=points, percent=lambda x: w.percent(x, _decimals(x)),
        number=w.number, label_x=said.curve_x_money, label_points=said.curve_thresholds,
        label_y=said.curve_y, name="curve",
        title=title,
        description=w.fill("cost.curve_desc", now=w.percent(share[0]),
                           possible=w.percent(share[-1]),
                           capex=w.money(curve["cumulative_sek"].iloc[-1])),
    )  # fmt: skip
    steps = curve[curve["marginal_sek"].notna()]
    reached = int(curve["households_so_far"].iloc[-1])
    table: list[Row] = []
    for limit in (25e3, 50e3, 100e3, 200e3, 400e3):
        inside = steps[steps["marginal_sek"] <= limit]
        if inside.empty or (table and int(inside["households_so_far"].max()) == reached
                            and table[-1].cells[1] == w.number(reached)):  # fmt: skip
            continue
        row = inside.iloc[-1]
        table.append(
            Row([w.money(limit), w.number(row["households_so_far"]), w.percent(row["share"]),
                 w.money(row["cumulative_sek"]), w.money(row["cumulative_support_sek"]),
                 w.number(reached - row["households_so_far"])])
        )  # fmt: skip
    row = curve.iloc[-1]
    table.append(
        Row([said.no_limit, w.number(reached), w.percent(row["share"]),
             w.money(row["cumulative_sek"]), w.money(row["cumulative_support_sek"]),
             w.number(0)], total=True)
    )  # fmt: skip
    heads = [said.marginal, said.marginal_households, said.marginal_share, said.capex,
             said.support, said.marginal_left]  # fmt: skip
    caption = w.fill("cost.marginal_caption", region=m.region)
    return [Text(said.curve_lead), Figure(svg, title), Table(caption, heads, table)]


def _decimals(share: float) -> int:
    return 0 if abs(100 * share - round(100 * share)) < 1e-9 else 1


# ---- goals, next per cent -------------------------------------------------------------


def goal_rows(m: Material, kind: str = "region") -> pd.DataFrame | None:
    """Give what each share costs in areas of a kind, where one stands left out."""
    rows = m.pick("goal_cost", area_kind=kind)
    return None if rows is None else rows[rows["goal"] != NOW]


def _target(m: Material, row: Any) -> str:
    return m.w.percent(row["target"], _decimals(float(row["target"])))


def _goals(m: Material) -> list[Block]:
    w, said = m.w, m.w.cost
    if m.get("goal_cost", w.section.goal_cost) is None:
        return []
    region = goal_rows(m)
    blocks: list[Block] = []
    if region is not None and len(region):
        table = []
        for row in region.to_dict("records"):
            money = ("capex_sek", "at_least_sek", "support_sek", "marginal_sek")
            told = (
                [w.money(row[one]) for one in money]
                if row["reachable"]
                else [said.goal_unreachable, *[w.missing] * 3]
            )
            table.append(Row([_target(m, row), w.number(row["households_needed"]), *told]))
        heads = [said.goal, said.goal_needed, said.goal_capex, said.goal_at_least,
                 said.goal_support, said.goal_marginal]  # fmt: skip
        blocks.append(Table(w.fill("cost.goal_caption", region=m.region), heads, table))
        blocks.append(Text(w.fill("cost.goal_note", speed=m.speed), note=True))
    rows = m.pick("goal_cost", area_kind=list(_PLACES))
    own = None if rows is None else rows[rows["goal"] != NOW]
    if own is not None and (own["area_kind"] == "municipality").any():
        names = list(dict.fromkeys(own["goal"]))
        found = {(row["area_kind"], row["area_code"], row["goal"]): row
                 for row in own.to_dict("records")}  # fmt: skip
        table = []
        for area in places(own.drop_duplicates(["area_kind", "area_code"])).to_dict("records"):
            cells = [str(area["area_name"])]
            for name in names:
                one = found.get((area["area_kind"], area["area_code"], name))
                if one is None:
                    cells += [w.missing] * 2
                elif not one["households_needed"]:
                    cells += [said.goal_done, w.missing]
                elif not one["reachable"]:
                    cells += [said.goal_unreachable, w.missing]
                else:
                    cells += [w.money(one["capex_sek"]), w.money(one["support_sek"])]
            table.append(Row(cells, total=area["area_kind"] == "region"))
        targets = [_target(m, own[own["goal"] == name].iloc[0]) for name in names]
        heads = [w.table.municipality, *[said.capex, said.support] * len(names)]
        groups = [("", 1), *((target, 2) for target in targets)]
        blocks.append(Table(said.goal_by, heads, table, groups=groups))
    return blocks


def _next(m: Material) -> list[Block]:
    w, said = m.w, m.w.cost
    rows = m.pick("goal_cost", area_kind=list(_PLACES))
    if rows is None or rows["next_percent_sek"].isna().all():
        return []
    names = [name for name in dict.fromkeys(rows["goal"])
             if rows.loc[rows["goal"] == name, "next_percent_sek"].notna().any()]  # fmt: skip
    wide = widen(rows, "goal", "next_percent_sek")
    heads = [w.table.municipality]
    for name in names:
        row = rows[rows["goal"] == name].iloc[0]
        heads.append(said.next_now if name == NOW
                     else w.fill("cost.next_from", share=_target(m, row)))  # fmt: skip
    table = [
        Row([str(row["area_name"]), *(w.money(row[name]) for name in names)],
            total=row["area_kind"] == "region")
        for row in places(wide.reset_index()).to_dict("records")
    ]  # fmt: skip
    return [Text(said.next_lead), Table(said.next_caption, heads, table)]


# ---- shares, last resort, what matters -------------------------------------------------


def _shares(m: Material) -> list[Block]:
    w, said = m.w, m.w.cost
    rows = m.pick("share_summary", w.section.shares, area_kind=list(_PLACES))
    if rows is None:
        return []
    columns = ("mean_sek", "p50_sek", "p90_sek", "alone_p50_sek", "alone_p90_sek")
    table = [
        Row([str(row["area_name"]), w.number(row["households"]),
             *(w.money(row[one]) for one in columns)], total=row["area_kind"] == "region")
        for row in places(rows).to_dict("records")
    ]  # fmt: skip
    heads = [w.table.municipality, said.shared_households, said.mean, said.half, said.ninety,
             said.alone_half, said.alone_ninety]  # fmt: skip
    return [Text(said.shares_lead), Table(said.shares_caption, heads, table)]


def _last_resort(m: Material) -> list[Block]:
    w, said = m.w, m.w.cost
    rows = m.pick("last_resort", w.section.last_resort, area_kind="region")
    if rows is None:
        return []
    table = [
        Row(
            [w.money(row["threshold_sek"]), w.technology[row["technology"]],
             w.number(row["wired_households"]), w.percent(row["wired_share"]),
             w.money(row["wired_sek"]), w.number(row["wireless_households"]),
             w.money(row["household_sek"]), w.money(row["wireless_sek"]),
             w.money(row["left_wired_sek"]), str(row["mark"])]
        )
        for row in rows.sort_values(["threshold_sek", "technology"]).to_dict("records")
    ]  # fmt: skip
    heads = [said.threshold, said.technology, said.wired, said.wired_share, said.wired_sek,
             said.wireless, said.household_sek, said.wireless_sek, said.left_wired,
             said.mark]  # fmt: skip
    notes = [
        w.fill("cost.last_note", technology=w.technology[row["technology"]],
               source=translate(str(row["source"]), w.language), mark=row["mark"])
        for row in rows.drop_duplicates("technology").to_dict("records")
    ]  # fmt: skip
    caption = w.fill("cost.last_caption", region=m.region)
    return [
        Text(said.last_lead),
        Table(caption, heads, table, words=frozenset({1, 9})),
        Text(" ".join(notes), note=True),
    ]


def _tornado(m: Material) -> list[Block]:
    w, said = m.w, m.w.cost
    rows = m.pick("tornado", w.section.tornado, area_kind="region", measure="support")
    if rows is None:
        return []
    rows = rows[rows["swing_sek"] > 0].sort_values("swing_sek", ascending=False).head(12)
    if rows.empty:
        return []
    names = [factor_word(m, str(name)) for name in rows["factor"]]
    title = w.fill("cost.tornado_title", region=m.region)
    low, point, high = (rows[f"{x}_sek"] / 1e6 for x in ("low", "point", "high"))
    svg = draw_swings(
        names, low, high, float(point.iloc[0]),
        number=w.number, words=(said.low, said.high, said.point), name="tornado", title=title,
        description=said.tornado_desc,
    )  # fmt: skip
    table = [
        Row([name, w.money(row["low_sek"]), w.money(row["high_sek"]), w.money(row["swing_sek"])])
        for name, row in zip(names, rows.to_dict("records"), strict=True)
    ]
    heads = [said.factor, said.low, said.high, said.swing]
    return [Text(said.tornado_lead), Figure(svg, title), Table(said.tornado_caption, heads, table)]


def factor_word(m: Material, name: str) -> str:
    """Give the word for a group of prices that move together, or for an item."""
    return m.w.factor[name] if name in m.w.factor else m.w.price_item(name)
