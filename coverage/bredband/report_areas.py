"""The report's chapters on areas: budgets, criteria, the order and how sure it is, and PTS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from bredband.choice_text import tell_choice
from bredband.criteria import criteria_table, criteria_words
from bredband.phrases import translate
from bredband.publication import hide_small_areas
from bredband.report_blocks import (
    Bullets,
    Chapter,
    Row,
    Table,
    Text,
    by_name,
    chapter,
    places,
    spanned,
    text_of,
)
from bredband.tables import TOTAL
from bredband.tables_pts import EXCLUSION_REASONS

if TYPE_CHECKING:
    from bredband.report_blocks import Block, Material

LISTED: Final = 30
"""Areas told of in full; the tables hold all."""

_SURE: Final = (0.95, 0.5, 0.05)
_NUDGE: Final = 0.1
"""A change of a weight that nobody would argue over."""

_SHARES: Final = ("marks.quota_share", "marks.discount", "marks.cap")


def areas_chapter(m: Material) -> Chapter | None:
    """Tell what budgets buy, what decides the order, which areas come first, and how sure it is."""
    areas = m.get("priority_areas", m.w.chapter.areas)
    if areas is None:
        return None
    made = (
        ("budgets", _budgets(m, areas)),
        ("by_municipality", _by_municipality(m, areas)),
        ("criteria", _criteria(m)),
        ("list", _first(m, areas)),
        ("robust", _robust(m)),
    )
    return chapter(m.w, "areas", made)


def support_of(areas: pd.DataFrame) -> pd.Series[float]:
    """Give the support that each area needs: its gap where positive, SEK."""
    return areas["gap_sek"].clip(lower=0)


# ---- budgets --------------------------------------------------------------------------


def _budgets(m: Material, areas: pd.DataFrame) -> list[Block]:
    w, said = m.w, m.w.areas
    built = areas[areas["reached"].astype(bool)]
    support = support_of(built)
    free = built[support <= 0]
    blocks: list[Block] = [
        Text(w.fill("areas.lead", areas=w.number(len(built)))),
        Text(
            w.fill(
                "areas.self", areas=w.count(len(free), "area"),
                households=w.count(free["households"].sum(), "household"),
                others=w.number(len(built) - len(free)), support=w.money(support.sum()),
            )
            if len(free)
            else w.fill("areas.self_none", support=w.money(support.sum()))
        ),
    ]  # fmt: skip
    summary = m.get("choice_summary")
    if summary is not None:
        blocks += [Text(text) for text in tell_choice(summary, w.language)]
    nested = m.get("nested", w.section.budgets)
    if nested is not None:
        now, everybody = _standing(m)
        rows = [
            Row(
                [w.money(row["budget_sek"]), w.number(row["areas"]), w.number(row["households"]),
                 w.money(row["support_sek"]),
                 w.money(row["support_sek"] / row["households"] if row["households"] else None),
                 w.percent((now + row["households"]) / everybody if everybody else None),
                 w.percent(max(row["loss_share"], 0), 2 if row["loss_share"] > 0 else 0)]
            )
            for row in nested.sort_values("budget_sek").to_dict("records")
        ]  # fmt: skip
        heads = [said.budget, said.number, said.households, said.support, said.sek_each,
                 said.share_then, said.loss]  # fmt: skip
        blocks += [Table(said.budget_caption, heads, rows), Text(said.proven, note=True)]
    years = m.get("years_summary")
    if years is not None:
        rows = [
            Row([w.fill("areas.year_number", year=row["year"]), w.money(row["available_sek"]),
                 w.number(row["areas"]), w.number(row["households"]), w.money(row["support_sek"]),
                 w.number(row["cumulative_households"])])
            for row in years.sort_values("year").to_dict("records")
        ]  # fmt: skip
        heads = [said.year, said.available, said.number, said.households, said.support,
                 said.cumulative]  # fmt: skip
        blocks.append(Table(said.years_caption, heads, rows))
    return blocks


def _standing(m: Material) -> tuple[float, float]:
    """Give the households served or planned in the region, and all of them."""
    rows = m.coverage(["region"], measure="planned", speed_mbit=m.target)
    return (0.0, 0.0) if rows is None else (
        float(rows["served"].iloc[0]), float(rows["total"].iloc[0])
    )  # fmt: skip


def _by_municipality(m: Material, areas: pd.DataFrame) -> list[Block]:
    if "chosen" not in areas or not areas["chosen"].notna().any():
        return []
    w, said = m.w, m.w.areas
    built = areas[areas["reached"].astype(bool)]
    chosen = built["chosen"].fillna(False).astype(bool)
    households = built["households"].astype("int64")
    table = pd.DataFrame(
        {
            "name": built["municipality"].astype("str"), "areas": 1, "chosen": chosen.astype(int),
            "households": households.where(chosen, 0), "rest": households.where(~chosen, 0),
            "support": support_of(built).where(chosen, 0.0),
        }
    ).groupby("name", as_index=False).sum()  # fmt: skip
    table = table.assign(_key=by_name(table["name"])).sort_values("_key")
    whole = table.drop(columns=["name", "_key"]).sum()

    def row(name: str, one: Any, *, total: bool = False) -> Row:
        numbers = (w.number(one[x]) for x in ("areas", "chosen", "households"))
        return Row([name, *numbers, w.money(one["support"]), w.number(one["rest"])], total=total)

    rows = [row(one["name"], one) for one in table.to_dict("records")]
    rows.append(row(m.region, whole, total=True))
    heads = [w.table.municipality, said.by_all, said.by_chosen, said.by_households,
             said.by_support, said.by_rest]  # fmt: skip
    return [Table(said.by_caption, heads, rows)]


# ---- criteria -------------------------------------------------------------------------


def _criteria(m: Material) -> list[Block]:
    w, said = m.w, m.w.areas
    chosen = m.settings.get("priority", {}).get("criteria", [])
    if not chosen:
        return []
    known = criteria_table(w.language).set_index("criterion")
    whole = sum(float(one.get("weight", 0)) for one in chosen) or 1.0
    rows = []
    for one in chosen:
        name = str(one["name"])
        told: dict[Any, Any] = known.loc[name].to_dict() if name in known.index else {}
        own = one.get("better")
        better = criteria_words(w.language)["better"][own] if own else str(told.get("better", ""))
        label = text_of(told.get("label", name)) or name
        rows.append(
            Row(
                [label[:1].upper() + label[1:], w.percent(float(one.get("weight", 0)) / whole, 0),
                 better, text_of(told.get("basis", ""))],
                below=text_of(told.get("description", "")),
            )
        )  # fmt: skip
    lead = said.criteria_lead_one if len(rows) == 1 else said.criteria_lead
    heads = [said.criterion, said.weight, said.better, said.basis]
    return [Text(lead), Table(said.criteria_caption, heads, rows, words=frozenset({2, 3}))]


# ---- the first areas ------------------------------------------------------------------


def _first(m: Material, areas: pd.DataFrame) -> list[Block]:
    w, said = m.w, m.w.areas
    shown: Any = areas
    if m.public:
        shown = hide_small_areas(areas, m.few)
    ranked = shown[shown["rank"].notna()].assign(
        _support=support_of(areas), _name=areas["name"] if "name" in areas else areas["area_id"]
    )
    ranked = ranked.sort_values("rank")
    needing = ranked[ranked["_support"] > 0]
    listed = (needing if len(needing) else ranked).head(LISTED)
    if listed.empty:
        return []
    names = ranked.set_index("area_id")["_name"].astype("str")
    sure = m.get("robustness", w.section.robust)
    draws = {} if sure is None else sure.set_index("area_id").to_dict("index")
    rows = []
    for row in listed.to_dict("records"):
        drawn = draws.get(row["area_id"], {})
        rows.append(_area_row(m, row, drawn, names))
    heads = [said.rank, said.area, w.table.municipality, said.households, said.capex,
             said.support, w.cost.range, said.ranks, said.chosen_share]  # fmt: skip
    lead = w.fill("areas.list_lead" if len(needing) else "areas.list_lead_all",
                  n=w.number(len(listed)), all=w.number(len(ranked)))  # fmt: skip
    return [Text(lead), Table(said.list_caption, heads, rows, words=frozenset({1, 2}), strong=True)]


def _area_row(
    m: Material, row: dict[Any, Any], drawn: dict[Any, Any], names: pd.Series[str]
) -> Row:
    w = m.w
    hidden = bool(row.get("hidden", False))
    ranks = w.missing
    if drawn:
        ranks = spanned(w, drawn["rank_p10"], drawn["rank_p90"], unit="number")
    share = w.percent(drawn.get("chosen_share"), 0)
    head = [w.number(row["rank"]), str(row["_name"]), str(row["municipality"])]
    if hidden:
        few = w.fill("report.fewer", n=m.few)
        return Row([*head, few, w.missing, w.missing, w.missing, ranks, share],
                   below=w.fill("areas.hidden", n=m.few))  # fmt: skip
    told = [text_of(row.get("motivation"))]
    upstream = text_of(row.get("upstream_area_id"))
    if upstream and not told[0]:
        told.append(w.fill("areas.needs", area=names.get(upstream, upstream)))
    band = w.missing
    if pd.notna(row.get("gap_p10_sek")):
        band = spanned(w, max(row["gap_p10_sek"], 0.0), max(row["gap_p90_sek"], 0.0))
    cells = [*head, w.number(row["households"]), w.money(row["capex_sek"]),
             w.money(max(row["gap_sek"], 0.0)), band, ranks, share]  # fmt: skip
    return Row(cells, below=" ".join(one for one in told if one))


# ---- how sure the order is ------------------------------------------------------------


def _robust(m: Material) -> list[Block]:
    w, said = m.w, m.w.areas
    rows = m.get("robustness")
    if rows is None:
        return []
    moved = (rows["rank_p90"] - rows["rank_p10"]).astype(float)
    told = [
        w.fill("areas.robust_lead", draws=w.number(int(rows["draws"].iloc[0]))),
        w.fill("areas.robust_ranks", half=w.number(float(moved.quantile(0.5, "higher"))),
               ninety=w.number(float(moved.quantile(0.9, "higher")))),
    ]  # fmt: skip
    blocks: list[Block] = []
    share = rows["chosen_share"].astype(float)
    if share.notna().any():
        always, half, never = _SURE
        bands = (
            (said.always, share >= always), (said.mostly, (share >= half) & (share < always)),
            (said.seldom, (share >= never) & (share < half)), (said.never, share < never),
        )  # fmt: skip
        areas = m.get("priority_areas")
        each = (
            None if areas is None else
            areas.set_index("area_id")["households"].reindex(rows["area_id"]).to_numpy(float)
        )  # fmt: skip
        table = [
            Row([name, w.number(int(at.sum())),
                 w.number(None if each is None else float(each[at.to_numpy()].sum()))])
            for name, at in bands
        ]  # fmt: skip
        heads = [said.robust_band, said.number, said.households]
        blocks.append(Table(said.robust_caption, heads, table))
    flips = m.tables.get("flips")
    if flips is not None and len(flips):
        near = flips[flips["at_budget"].fillna(False).astype(bool)]
        small = flips[flips["change"].abs() <= _NUDGE]
        pairs = small[["area_id", "next_area_id"]].drop_duplicates()
        told.append(w.fill("areas.flips_some", n=w.number(len(pairs)), change=w.percent(_NUDGE, 0)))
        blocks += _flip_table(m, near)
    elif flips is not None:
        told.append(said.flips_none)
    return [Text(" ".join(told)), *blocks]


def _flip_table(m: Material, near: pd.DataFrame) -> list[Block]:
    areas = m.get("priority_areas")
    if near.empty or areas is None or "name" not in areas:
        return []
    w, said = m.w, m.w.areas
    names = areas.set_index("area_id")["name"].astype("str")
    labels = criteria_table(w.language).set_index("criterion")["label"]
    rows = [
        Row([names.get(row["area_id"], row["area_id"]),
             names.get(row["next_area_id"], row["next_area_id"]),
             labels.get(row["criterion"], row["criterion"]), w.percent(row["weight"], 0),
             w.percent(row["flip_weight"], 0)])
        for row in near.head(12).to_dict("records")
    ]  # fmt: skip
    heads = [said.flips_first, said.flips_next, said.criterion, said.flips_now, said.flips_at]
    return [Table(said.flips_caption, heads, rows, words=frozenset({1, 2}))]


# ---- PTS ------------------------------------------------------------------------------


def pts_chapter(m: Material) -> Chapter | None:
    """Tell what PTS's support is open for and what the region's marks would do."""
    counts = m.get("pts_exclusion_counts", m.w.chapter.pts)
    if counts is None:
        return None
    rules = m.get("pts_rules")
    used = None if rules is None else rules[rules["fact"].str.startswith("marks.")]
    year = "" if used is None or used.empty else str(int(used["year"].max()))
    made = (
        ("eligible", [Text(m.w.fill("pts.lead", year=year)), *_eligible(m, counts)]),
        ("aid_colours", _colours(m)),
        ("marks", _marks(m)),
        ("calibration", _calibration(m)),
        ("rules", _rules(m)),
    )
    return chapter(m.w, "pts", made)


def _eligible(m: Material, counts: pd.DataFrame) -> list[Block]:
    w, said = m.w, m.w.pts
    towns = m.get("municipalities")
    names = (
        {} if towns is None
        else dict(zip(towns["municipality_code"], towns["municipality_name"], strict=True))
    )  # fmt: skip
    reasons = [one for one in EXCLUSION_REASONS if (counts["reason"] == one).any()]
    wide = counts.pivot_table(index="municipality_code", columns="reason",
                              values="first_buildings", aggfunc="sum", fill_value=0)  # fmt: skip
    open_ = counts[counts["reason"] == "eligible"].set_index("municipality_code")
    columns = ("first_buildings", "base_buildings", "households")
    table = pd.DataFrame(
        {
            **{x: open_[x].reindex(wide.index, fill_value=0) for x in columns},
            **{x: wide[x] for x in reasons},
        }
    )
    told = counts.drop_duplicates("reason").set_index("reason")["reason_text"]
    table = table.assign(
        _name=[str(names.get(code, code)) for code in table.index]
    ).sort_values("_name", key=by_name)  # fmt: skip
    shown = [*columns, *reasons]
    rows = [
        Row([row["_name"], *(w.number(row[x]) for x in shown)]) for row in table.to_dict("records")
    ]
    whole = table[shown].sum()
    rows.append(Row([m.region, *(w.number(whole[x]) for x in shown)], total=True))
    short = [w.pts_reason.get(x, str(told.get(x, x))) for x in reasons]
    heads = [w.table.municipality, said.eligible, said.base, said.eligible_households, *short]
    groups = [("", 1), (said.group_eligible, 3), (said.group_excluded, len(reasons))]
    return [
        Table(said.eligible_caption, heads, rows, groups=groups),
        Text(said.eligible_note, note=True),
    ]


def _colours(m: Material) -> list[Block]:
    w, said = m.w, m.w.pts
    rows = m.pick("state_aid", w.section.aid_colours, area_kind=["municipality", "region"],
                  base="households", segment=TOTAL)  # fmt: skip
    if rows is None:
        return []
    speed = w.speed(m.settings.get("definitions", {}).get("aid_speed_mbit", m.target))
    table = [
        Row([str(row["area_name"]), *(w.number(row[x]) for x in ("white", "grey", "black")),
             w.percent(row["white"] / row["total"] if row["total"] else None)],
            total=row["area_kind"] == "region")
        for row in places(rows).to_dict("records")
    ]  # fmt: skip
    heads = [w.table.municipality, said.white, said.grey, said.black, said.white_share]
    return [
        Text(w.fill("pts.colours_lead", speed=speed)),
        Table(w.fill("pts.colours_caption", speed=speed), heads, table),
    ]


def _marks(m: Material) -> list[Block]:
    w, said = m.w, m.w.pts
    rows = m.get("pts_mark_comparison", w.section.marks)
    if rows is None:
        return []
    table = [
        Row(
            [w.pts_marking.get(str(row["method"]), text_of(row["method_text"])),
             w.number(row["marks"]), w.number(row["useful_marks"]),
             w.number(row["expected_projects"], 1), w.number(row["expected_buildings"]),
             w.number(row["expected_households"]), w.money(row["expected_aid_sek"]),
             w.money(row["aid_per_building_sek"])]
        )
        for row in rows.to_dict("records")
    ]  # fmt: skip
    heads = [said.marking, said.marks, said.useful, said.projects, said.buildings,
             w.table.households, said.aid, said.per_building]  # fmt: skip
    lead = w.fill("pts.marks_lead", quota=w.number(rows["quota"].iloc[0]))
    return [Text(lead), Table(said.marks_caption, heads, table)]


def _calibration(m: Material) -> list[Block]:
    w, said = m.w, m.w.pts
    rows = m.get("pts_calibration")
    if rows is None:
        return []

    def told(figure: str, value: float) -> str:
        return w.money(value) if figure.endswith("_sek") else w.number(value)

    table = [
        Row([w.pts_figure.get(row["figure"], row["figure"]), told(row["figure"], row["published"]),
             told(row["figure"], row["simulated"]), told(row["figure"], row["low"]),
             told(row["figure"], row["high"]), str(row["mark"])])
        for row in rows.to_dict("records")
    ]  # fmt: skip
    caption = w.fill("pts.calibration_caption", year=int(rows["year"].iloc[0]))
    heads = [said.figure, said.published, said.simulated, "P10", "P90", w.prices.mark]
    return [Table(caption, heads, table, words=frozenset({5}))]


def _rules(m: Material) -> list[Block]:
    rows = m.get("pts_rules")
    if rows is None:
        return []
    w, said = m.w, m.w.pts
    items = [
        (
            w.pts_rule.get(str(row["fact"]).replace(".", "_"), str(row["fact"])),
            w.fill("pts.rule", value=_plain_value(m, str(row["fact"]), row["value"]),
                   source=translate(str(row["source"]), w.language),
                   year=row["year"], mark=row["mark"]),
        )
        for row in rows.to_dict("records")
        if str(row["fact"]).startswith(("eligibility.", "marks."))
    ]  # fmt: skip
    return [Text(said.rules_caption), Bullets(items)]


def _plain_value(m: Material, fact: str, value: Any) -> str:
    text = str(value)
    if text in ("True", "False"):
        return m.w.yes_no(text == "True")
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        return text
    if fact in _SHARES:
        return m.w.percent(float(text), 0)
    return text.replace(".", m.w.decimal)
