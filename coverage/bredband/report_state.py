"""The report's chapters on the state: shares, goals, kinds of place, technology, mobile, change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from bredband.map_draw import NOTHING, share_labels
from bredband.map_state import SHARE_EDGES
from bredband.phrases import translate
from bredband.report_blocks import (
    Beside,
    Bullets,
    Chapter,
    Figure,
    Row,
    Section,
    Table,
    Text,
    by_name,
    chapter,
    places,
    signed,
    text_of,
    widen,
)
from bredband.report_charts import SHARE_COLOURS, draw_dots, draw_map
from bredband.tables import ACCEPTED, BASES, BUILT_UP, RURAL, SEGMENTS, TOTAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bredband.report_blocks import Block, Material

GIGABIT: Final = 1000
_ACCESS: Final = ("fibre", "near_fibre", "docsis", "vdsl", "xdsl", "wired", "fwa", "any")
_MEASURES: Final = ("connected", "passed", "planned")
_AREA: Final = ["area_kind", "area_code"]


def state_chapter(m: Material) -> Chapter | None:
    """Tell who has what: per municipality, beside the county and the country, and the goals."""
    rows = m.coverage()
    if rows is None:
        m.absent[m.w.chapter.state] = "coverage"
        return None
    made = (
        ("municipalities", _municipalities(m, rows)),
        ("goals", _goals(m)),
        ("segments", _segments(m)),
        ("technology", _technology(m)),
        ("workplaces", _workplaces(m)),
        ("mobile", _mobile(m)),
    )
    return chapter(m.w, "state", made)


# ---- municipalities -------------------------------------------------------------------


def _municipalities(m: Material, coverage: pd.DataFrame) -> list[Block]:
    w, state = m.w, m.w.state
    giga = m.target != GIGABIT and m.coverage(speed_mbit=GIGABIT) is not None
    rows = _wide(coverage, [(x, m.target) for x in ("connected", "passed", "planned")]
                 + [(x, GIGABIT) for x in ("connected", "passed") if giga])  # fmt: skip
    standing = m.pick("standing", w.state["rank"], base="households", measure="connected",
                      speed_mbit=m.target)  # fmt: skip
    said = rows.merge(
        standing[["municipality_code", "rank", "of", "county_points", "country_points"]]
        if standing is not None
        else pd.DataFrame({"municipality_code": pd.Series(dtype="str")}),
        how="left", left_on="area_code", right_on="municipality_code",
    )  # fmt: skip
    country = standing is not None and standing["country_share"].notna().any()
    heads = [w.table.municipality, w.table.households,
             *(w.fill(f"state.{x}_speed", speed=m.speed) for x in _MEASURES),
             *((w.fill(f"state.{x}_speed", speed=w.speed(GIGABIT)) for x in ("connected", "passed"))
               if giga else ()),
             state.unserved]  # fmt: skip
    if standing is not None:
        heads += [state["rank"], state.county_points, *([state.country_points] if country else [])]
    table = []
    for row in places(said).to_dict("records"):
        measures = [(x, m.target) for x in ("connected", "passed", "planned")]
        measures += [(x, GIGABIT) for x in ("connected", "passed")] if giga else []
        left = row["total"] - row[f"served_planned_{m.target}"]
        cells = [str(row["area_name"]), w.number(row["total"]),
                 *(w.percent(row[f"share_{x}_{speed}"]) for x, speed in measures),
                 w.number(left)]  # fmt: skip
        if standing is not None:
            known = row["area_kind"] == "municipality" and pd.notna(row["rank"])
            cells.append(
                w.fill("report.of", rank=w.number(row["rank"]), of=w.number(row["of"]))
                if known
                else w.missing
            )
            cells.append(signed(w, row["county_points"]))
            cells += [signed(w, row["country_points"])] if country else []
        table.append(Row(cells, total=row["area_kind"] == "region"))
    caption = w.fill("state.caption" if giga else "state.caption_other",
                     speed=m.speed, year=m.year)  # fmt: skip
    blocks: list[Block] = [Text(state.lead)]
    drawn = _map(m, rows)
    blocks += [drawn] if drawn else []
    blocks.append(Table(caption, heads, table))
    if standing is not None:
        told = country_figure(m)
        note = (
            w.fill("state.country_note", share=told[0], source=told[1])
            if told
            else state.country_none
        )
        blocks.append(Text(w.fill("state.points_note", speed=m.speed, country=note), note=True))
    return blocks


def _take_up(m: Material) -> list[Block]:
    offers = m.coverage(["region"], measure=ACCEPTED)
    if offers is None:
        return []
    w, row = m.w, offers.iloc[0]
    text = w.fill(
        "state.take_up", speed=w.speed(row["speed_mbit"]), share=w.percent(row["share"]),
        served=w.number(row["served"]), total=w.number(row["total"]),
    )  # fmt: skip
    return [Text(text)]


def country_figure(m: Material) -> tuple[str, str, float] | None:
    """Give the country's published share of the same measure, its source, and the number."""
    rows = m.pick("standing", base="households", measure="connected", speed_mbit=m.target)
    if rows is None:
        return None
    rows = rows[rows["country_share"].notna()]
    if rows.empty:
        return None
    row = rows.iloc[0]
    share = float(row["country_share"])
    whole = abs(share * 100 - round(share * 100)) < 1e-9
    source = translate(text_of(row["country_source"]), m.w.language)
    return m.w.percent(share, 0 if whole else 1), source, share


def _wide(rows: pd.DataFrame, measures: Sequence[tuple[str, int]]) -> pd.DataFrame:
    """Give a row per area with the share and the number served of each measure and speed."""
    base = rows.drop_duplicates(_AREA)[[*_AREA, "area_name"]]
    plain = rows[rows["measure"] != ACCEPTED].drop_duplicates(_AREA)
    made = base.merge(plain[[*_AREA, "total"]], on=_AREA, how="left")
    for measure, speed in measures:
        found = rows[(rows["measure"] == measure) & (rows["speed_mbit"] == speed)]
        new = found[[*_AREA, "share", "served"]].rename(
            columns={x: f"{x}_{measure}_{speed}" for x in ("share", "served")}
        )
        made = made.merge(new, on=_AREA, how="left")
    return made


def _map(m: Material, rows: pd.DataFrame) -> Beside | None:
    municipalities: Any = m.get("municipalities")
    if municipalities is None or not hasattr(municipalities, "geometry"):
        return None
    w = m.w
    column = f"share_connected_{m.target}"
    own = rows[rows["area_kind"] == "municipality"].set_index("area_code")
    share = own[column].reindex(municipalities["municipality_code"])
    texts = [
        f"{name}: {w.percent(value)}"
        for name, value in zip(municipalities["municipality_name"], share, strict=True)
    ]
    known = own[own[column].notna()].sort_values(column)
    if known.empty:
        return None
    ends = [
        f"{row['area_name']} {w.percent(row[column])}"
        for row in known.iloc[[-1, 0]].to_dict("records")
    ]
    title = w.fill("state.map_title", speed=m.speed)
    svg = draw_map(
        municipalities, share.to_numpy(float), texts, SHARE_EDGES, name="map", title=title,
        description=w.fill("state.map_desc", best=ends[0], worst=ends[1]),
    )  # fmt: skip
    legend = list(zip(SHARE_COLOURS, share_labels(w, SHARE_EDGES), strict=True))[::-1]
    if share.isna().any():
        legend.append((NOTHING, w.map.none))
    return Beside(Figure(svg, title, narrow=True), legend)


# ---- goals ----------------------------------------------------------------------------


def _goals(m: Material) -> list[Block]:
    w, state = m.w, m.w.state
    goals = m.get("goals", w.section.goals)
    if goals is None:
        return []
    sources = {str(one["name"]): text_of(one.get("source"))
               for one in m.settings.get("goals", [])}  # fmt: skip
    region = goals[goals["area_kind"] == "region"]
    bases = [base for base in BASES if (region["base"] == base).any()]
    by_base = {(row["goal"], row["base"]): row for row in region.to_dict("records")}
    table = []
    for row in region.drop_duplicates("goal").to_dict("records"):
        cells = [str(row["goal"]), _measure(m, row),
                 w.percent(row["target"], _decimals(row["target"]))]  # fmt: skip
        for base in bases:
            one = by_base.get((row["goal"], base))
            cells += (
                [w.missing] * 2
                if one is None
                else [w.percent(one["share"]), _missing(m, one["missing"], one["reached"])]
            )
        table.append(Row([*cells, sources.get(str(row["goal"]), "")]))
    heads = [state.goal, w.table.measure, state.target,
             *[state.goal_share, state.goal_missing] * len(bases), state.goal_source]  # fmt: skip
    groups = [("", 3), *((w.base[base], 2) for base in bases), ("", 1)]
    blocks: list[Block] = [
        Text(state.goals_lead),
        Table(
            w.fill("state.goals_caption", region=m.region),
            heads,
            table,
            words=frozenset({1, 3 + 2 * len(bases)}),
            groups=groups,
        ),
    ]
    mine = goals[goals["area_kind"].isin(("municipality", "region"))
                 & (goals["base"] == "households")]  # fmt: skip
    names = list(dict.fromkeys(mine["goal"]))
    if names and (mine["area_kind"] == "municipality").any():
        wide = widen(mine, "goal", "missing")
        wide = wide.reset_index()
        done = mine.set_index([*_AREA, "goal"])["reached"]
        rows = [
            Row(
                [
                    str(row["area_name"]),
                    *(
                        _missing(m, row[name], done.get((row["area_kind"], row["area_code"], name)))
                        for name in names
                    ),
                ],
                total=row["area_kind"] == "region",
            )
            for row in places(wide).to_dict("records")
        ]
        blocks.append(Table(state.goals_by, [w.table.municipality, *names], rows))
        blocks.append(Text(state.goals_note, note=True))
    return [*blocks, *_take_up(m)]


def _measure(m: Material, row: dict[Any, Any]) -> str:
    name = str(row["measure"])
    word = m.w.measure.get(name, m.w.state.get(f"measure_{name}", name))
    return f"{word}, {m.w.speed(row['speed_mbit'])}"


def _missing(m: Material, missing: Any, reached: Any) -> str:
    """Say how many a goal lacks, or that it is reached."""
    known = reached is not None and not pd.isna(reached)
    return m.w.state.reached if known and bool(reached) else m.w.number(missing)


def _decimals(share: float) -> int:
    return 0 if abs(100 * share - round(100 * share)) < 1e-9 else 1


# ---- kinds of place -------------------------------------------------------------------


def _segments(m: Material) -> list[Block]:
    w, state = m.w, m.w.state
    rows = m.coverage(segment=[TOTAL, *SEGMENTS], speed_mbit=m.target,
                      measure=["connected", "passed"])  # fmt: skip
    there = [x for x in SEGMENTS if rows is not None and (rows["segment"] == x).any()]
    if rows is None or len(there) < 2:
        m.absent[w.section.segments] = "localities"
        return []
    wide = widen(rows, ["measure", "segment"], "share")
    count = widen(rows[rows["measure"] == "connected"], "segment", "total")
    outside = SEGMENTS[-1]
    table = []
    order = places(wide.index.to_frame(index=False))
    for key in order[[*_AREA, "area_name"]].itertuples(index=False, name=None):
        shares = wide.loc[key]
        table.append(
            Row(
                [
                    str(key[2]),
                    *(w.percent(shares.get(("connected", one))) for one in (*there, TOTAL)),
                    *([w.percent(shares.get(("passed", outside))),
                       w.number(count.loc[key].get(outside, 0))] if outside in there else []),
                ],
                total=key[0] == "region",
            )
        )  # fmt: skip
    heads = [w.table.municipality, *(w.segment[one] for one in (*there, TOTAL)),
             ]  # fmt: skip
    heads += [state.passed_outside, state.households_outside] if outside in there else []
    blocks: list[Block] = [Text(state.segments_lead)]
    own = wide[wide.index.get_level_values("area_kind") == "municipality"]
    if len(own) > 1:
        last = own[("connected", there[-1])]
        own = own.loc[last.sort_values(ascending=False, na_position="last").index]
        title = w.fill("state.segments_title", speed=m.speed)
        svg = draw_dots(
            [str(name) for name in own.index.get_level_values("area_name")],
            {w.segment[one]: own[("connected", one)] for one in there},
            percent=lambda x: w.percent(x, 0), name="segments", title=title,
            description=state.segments_desc,
        )  # fmt: skip
        blocks.append(Figure(svg, title))
    blocks.append(Table(w.fill("state.segments_caption", speed=m.speed), heads, table))
    return blocks


# ---- technology -----------------------------------------------------------------------


def _technology(m: Material) -> list[Block]:
    w, state = m.w, m.w.state
    rows = m.pick("technology", w.section.technology, area_kind=["municipality", "region"],
                  base="households")  # fmt: skip
    if rows is None:
        return []
    region = rows[rows["area_kind"] == "region"]
    whole = region[region["segment"] == TOTAL].set_index("access")["share"]
    used = [one for one in _ACCESS if whole.get(one, 0) > 0]
    names = [_capital(w.access[one]) for one in used]
    groups = {
        title: region[region["segment"] == segment].set_index("access")["share"].reindex(used)
        for title, segment in ((state.built_up, BUILT_UP), (state.rural, RURAL))
        if (region["segment"] == segment).any()
    }
    blocks: list[Block] = [Text(state.technology_lead)]
    if len(groups) == 2:
        svg = draw_dots(
            names, groups, percent=lambda x: w.percent(x, 0), name="technology",
            title=state.technology_title, description=state.technology_desc,
        )  # fmt: skip
        blocks.append(Figure(svg, state.technology_title))
    blocks.append(
        Table(
            w.fill("state.technology_groups", region=m.region),
            [state.technology_access, w.segment.total, *groups],
            [
                Row([name, w.percent(whole.get(one)),
                     *(w.percent(group.get(one)) for group in groups.values())])
                for name, one in zip(names, used, strict=True)
            ],
        )
    )  # fmt: skip
    total = rows[rows["segment"] == TOTAL]
    wide = widen(total, "access", "share").reset_index()
    blocks.append(
        Table(
            state.technology_caption,
            [w.table.municipality, *names],
            [
                Row([str(row["area_name"]), *(w.percent(row.get(one)) for one in used)],
                    total=row["area_kind"] == "region")
                for row in places(wide).to_dict("records")
            ],
        )
    )  # fmt: skip
    return blocks


def _capital(text: str) -> str:
    return text if text.startswith("x") else text[:1].upper() + text[1:]


# ---- workplaces, mobile ---------------------------------------------------------------


def _workplaces(m: Material) -> list[Block]:
    w, state = m.w, m.w.state
    rows = m.coverage(base="workplaces")
    if rows is None or not rows["total"].any():
        return []
    measures = [(x, m.target) for x in ("connected", "passed", "planned")]
    wide = _wide(rows, measures)
    table = [
        Row(
            [str(row["area_name"]), w.number(row["total"]),
             *(w.percent(row[f"share_{x}_{speed}"]) for x, speed in measures),
             w.number(row["total"] - row[f"served_planned_{m.target}"])],
            total=row["area_kind"] == "region",
        )
        for row in places(wide).to_dict("records")
    ]  # fmt: skip
    heads = [w.table.municipality, w.table.workplaces,
             *(w.fill(f"state.{x}_speed", speed=m.speed) for x, _ in measures),
             state.unserved]  # fmt: skip
    caption = w.fill("state.workplaces_caption", speed=m.speed, year=m.year)
    return [Table(caption, heads, table)]


def _mobile(m: Material) -> list[Block]:
    w, state = m.w, m.w.state
    rows = m.pick("mobile", w.section.mobile, area_kind=["municipality", "region"])
    if rows is None:
        return []
    pair = rows[["operator", "technology"]].drop_duplicates()
    both = pair[(pair["operator"] == "any") & (pair["technology"] == "any")]
    one = (both if len(both) else pair[pair["operator"] == "any"] if
           (pair["operator"] == "any").any() else pair).iloc[0]  # fmt: skip
    rows = rows[(rows["operator"] == one["operator"]) & (rows["technology"] == one["technology"])]

    def share(part: float, whole: float) -> str:
        return w.percent(part / whole if whole else None)

    table = [
        Row(
            [str(row["area_name"]), share(row["households_covered"], row["households"]),
             share(row["area_covered_km2"], row["area_km2"]),
             share(row["road_covered_m"], row["road_m"]),
             w.number(row["unserved_households"]), w.number(row["unserved_not_covered"])],
            total=row["area_kind"] == "region",
        )
        for row in places(rows).to_dict("records")
    ]  # fmt: skip
    operator = state.mobile_any if one["operator"] == "any" else str(one["operator"])
    technology = w.technology.get(str(one["technology"]), str(one["technology"]))
    caption = w.fill("state.mobile_caption", operator=operator, technology=technology)
    if one["technology"] == "any":
        caption = caption.replace(f", {technology}", "")
    heads = [w.table.municipality, state.mobile_households, state.mobile_area, state.mobile_road,
             state.mobile_without, state.mobile_neither]  # fmt: skip
    return [Text(state.mobile_lead), Table(caption, heads, table)]


# ---- change ---------------------------------------------------------------------------


def change_chapter(m: Material) -> Chapter | None:
    """Tell what changed since an earlier result, where ``change`` is among the tables."""
    rows = m.pick("change", area_kind=["municipality", "region"], base="households", segment=TOTAL,
                  measure=["connected", "passed"], speed_mbit=m.target)  # fmt: skip
    if rows is None:
        return None
    w, said = m.w, m.w.changes
    now = rows[rows["measure"] == "connected"]
    whole = now[now["area_kind"] == "region"]
    before, after = (str(rows[f"year_{x}"].iloc[0]) for x in ("before", "after"))
    if before == after:
        before, after = w.change.then, w.change.now
    blocks: list[Block] = [Text(w.fill("changes.lead", before=before))]
    beware = m.get("change_warnings")
    if len(whole):
        row = whole.iloc[0]
        blocks.insert(
            0,
            Text(
                w.fill("changes.sentence", region=m.region, before=w.percent(row["share_before"]),
                       after=w.percent(row["share_after"]), points=signed(w, row["points"]),
                       gained=w.number(row["gained"]), lost=w.number(row["lost"]))
            ),
        )  # fmt: skip
    if beware is not None:
        items = [(w.severity[str(row["severity"])], f"{row['message']} {row['fix']}".strip())
                 for row in beware.to_dict("records")]  # fmt: skip
        blocks.append(Text(said.beware))
        blocks.append(Bullets(items))
    own = now[now["area_kind"] == "municipality"].sort_values("share_after", ascending=False)
    if len(own) > 1:
        title = w.fill("changes.title", before=before, after=after, speed=m.speed)
        svg = draw_dots(
            [str(name) for name in own["area_name"]],
            {after: own["share_after"], before: own["share_before"]},
            percent=lambda x: w.percent(x, 0), name="change", title=title,
            description=said.desc,
        )  # fmt: skip
        blocks.append(Figure(svg, title))
    blocks += list(_change_tables(m, rows, before, after))
    return Chapter("change", w.chapter.change, [Section("changed", "", blocks)])


def _change_tables(m: Material, rows: pd.DataFrame, before: str, after: str) -> Iterable[Table]:
    w, said = m.w, m.w.changes
    parts = ("points", "points_same", "points_recounted", "points_new_gone")
    heads = [w.table.municipality, w.fill("changes.share_before", year=before),
             w.fill("changes.share_after", year=after), *(said[one] for one in parts)]  # fmt: skip
    for measure in ("connected", "passed"):
        found = rows[rows["measure"] == measure]
        if found.empty:
            continue
        yield Table(
            w.fill("changes.caption", measure=w.measure[measure], speed=m.speed, before=before,
                   after=after),
            heads,
            [
                Row([str(row["area_name"]), w.percent(row["share_before"]),
                     w.percent(row["share_after"]), *(signed(w, row[one]) for one in parts)],
                    total=row["area_kind"] == "region")
                for row in places(found).to_dict("records")
            ],
        )  # fmt: skip


# ---- what the summary needs -----------------------------------------------------------


def ends(rows: pd.DataFrame) -> tuple[pd.Series[Any], pd.Series[Any]] | None:
    """Give the municipalities with the highest and the lowest share; None below two of them."""
    own = rows[(rows["area_kind"] == "municipality") & rows["share"].notna()]
    if len(own) < 2:
        return None
    own = own.assign(_key=by_name(own["area_name"])).sort_values("_key", kind="stable")
    at = own["share"].to_numpy(float)
    return own.iloc[int(at.argmax())], own.iloc[int(at.argmin())]
