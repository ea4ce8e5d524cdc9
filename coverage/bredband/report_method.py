"""The report's chapters on method, prices, sources, what is unsure, and versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from bredband.phrases import translate
from bredband.prices import SHARE, Prices
from bredband.report_blocks import Bullets, Chapter, Row, Section, Table, Text, text_of

if TYPE_CHECKING:
    from bredband.prices import Price
    from bredband.report_blocks import Block, Material

_UNITS: Final = {
    "SEK/m": "per_m", "SEK/each": "per_each", "SEK/premises": "per_premises",
    "SEK/household": "per_household", "SEK/h": "per_h",
}  # fmt: skip
_MANY: Final = 40
"""Findings and reasons listed; the data check has all of them."""


# ---- method ---------------------------------------------------------------------------


def method_chapter(m: Material) -> Chapter:
    """Tell how everything is counted, in words that a board reads."""
    w, said = m.w, m.w.method
    years = m.settings.get("definitions", {}).get("plan_years", 3)
    terms = [
        *(w.map[f"definition_{one}"] for one in ("connected", "passed", "planned", "unserved")),
        said.households, said.workplaces, said.capex, w.map.definition_gap, said.fair,
        w.fill("method.aid_colours", years=years),
    ]  # fmt: skip
    steps = [said[f"step_{one}"] for one in ("status", "network", "cost", "sure", "areas")]
    sections = [
        Section("definitions", w.section.definitions,
                [Text(said.lead), Bullets([_term(one) for one in terms])]),
        Section("steps", w.section.steps, [Bullets([("", one) for one in steps])]),
        Section("settings", w.section.settings, _settings(m)),
    ]  # fmt: skip
    return Chapter("method", w.chapter.method, [one for one in sections if one.blocks])


def _term(text: str) -> tuple[str, str]:
    head, mark, told = text.partition(":")
    return (head, told.strip()) if mark else ("", text)


def _settings(m: Material) -> list[Block]:
    w, said = m.w, m.w.method
    chosen = m.settings.get("definitions", {})
    if not chosen:
        return []
    scope = m.settings.get("prices", {}).get("scope")
    wired = chosen.get("wired_technologies", [])
    pairs = [
        (said.target, w.speed(chosen.get("target_speed_mbit"))),
        (said.proximity, w.length(chosen.get("proximity_m"))),
        (said.passed_speed, w.speed(chosen.get("passed_speed_mbit"))),
        (said.wired, w.join([w.technology.get(one, one) for one in wired]) or w.missing),
        (said.plan_years, w.fill("method.years", n=w.number(chosen.get("plan_years")))),
        (said.aid_speed, w.speed(chosen.get("aid_speed_mbit"))),
        (said.road_distance,
         w.length(m.settings.get("buildout", {}).get("max_road_distance_m"))),
    ]  # fmt: skip
    if scope in ("passed", "connected"):
        pairs.append((said.scope, said[f"scope_{scope}"]))
    rows = [Row(pair) for pair in pairs]
    return [
        Table(said.settings_caption, [said.setting, said.value], rows, words=frozenset({1})),
        Text(said.proximity_none, note=True),
    ]


# ---- prices ---------------------------------------------------------------------------


def prices_chapter(m: Material) -> Chapter | None:
    """List the prices that count, with source and mark, and say which nobody has published."""
    w, said = m.w, m.w.prices
    try:
        prices = Prices.model_validate(m.settings["prices"])
    except (KeyError, ValidationError):
        m.absent[w.chapter.prices] = "settings.prices"
        return None
    trench = m.get("trench")
    surfaces = None if trench is None else [str(one) for one in trench["surface"].unique()]
    rows = [
        Row([m.w.price_item(name), price_text(m, price, price.value), _span(m, price),
             w.missing if price.year is None else str(price.year), price.mark,
             translate(price.source, w.language)])
        for name, price in prices.items(surfaces).items()
    ]  # fmt: skip
    guessed = [m.w.price_item(name) for name in prices.unsourced(surfaces)]
    lead = (
        w.fill("prices.unsourced", what=w.join([_lower(one) for one in guessed]))
        if guessed
        else said.all_sourced
    )
    heads = [said.item, said.price, said.range, said.year, said.mark, said.source]
    notes = [said.marks]
    if prices.year is not None and prices.index:
        notes.append(w.fill("prices.year_note", year=prices.year))
    blocks: list[Block] = [
        Text(said.lead),
        Text(lead),
        Table(said.caption, heads, rows, words=frozenset({4, 5})),
        Text(" ".join(notes), note=True),
    ]
    return Chapter("prices", w.chapter.prices, [Section("book", "", blocks)], follows=True)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def price_text(m: Material, price: Price, value: float | None) -> str:
    """Write a price with its unit; a share as per cent."""
    w = m.w
    if value is None:
        return w.missing
    if price.unit == SHARE:
        return w.percent(value, 0)
    number = w.number(value, 0 if value == round(value) else 2)
    unit = w.prices[_UNITS[price.unit]] if price.unit in _UNITS else price.unit
    return f"{number}\N{NO-BREAK SPACE}{unit}"


def _span(m: Material, price: Price) -> str:
    if price.low is None or price.high is None:
        return m.w.missing
    w = m.w
    if price.unit == SHARE:
        low, high = w.percent(price.low, 0), w.percent(price.high, 0)
    else:
        low, high = (
            w.number(one, 0 if one == round(one) else 2) for one in (price.low, price.high)
        )
    return w.fill("report.interval", low=low, high=high)


# ---- sources --------------------------------------------------------------------------


def sources_chapter(m: Material) -> Chapter | None:
    """List every layer with its source, licence, year and provenance."""
    w, said = m.w, m.w.sources
    inputs = m.manifest.get("inputs", [])
    if not inputs:
        m.absent[w.chapter.sources] = "manifest"
        return None
    rows = [
        Row(
            [w.layer.get(str(one.get("layer")), str(one.get("layer", ""))),
             text_of(one.get("source")) or w.missing, text_of(one.get("licence")) or w.missing,
             w.missing if one.get("year") is None else str(one["year"]),
             said.get(str(one.get("provenance")), w.missing),
             w.number(one.get("rows_in_file"))],
            below=" ".join(x for x in (text_of(one.get("file")),
                                       f"sha256 {str(one['sha256'])[:16]}…" if one.get("sha256")
                                       else "") if x),
        )
        for one in inputs
    ]  # fmt: skip
    heads = [said.layer, said.source, said.licence, said.year, said.provenance, said.rows]
    blocks: list[Block] = [
        Text(said.lead), Table(said.caption, heads, rows, words=frozenset({1, 2, 3, 4})),
    ]  # fmt: skip
    others = list(dict.fromkeys(
        text_of(one.get("source")) for one in m.settings.get("goals", []) if one.get("source")
    ))  # fmt: skip
    standing = m.get("standing")
    if standing is not None:
        named = standing["country_source"].dropna().unique()
        others += [translate(str(one), w.language) for one in named]
    if others:
        blocks.append(Text(w.fill("sources.also", what="; ".join(others)), note=True))
    return Chapter("sources", w.chapter.sources, [Section("layers", "", blocks)], follows=True)


# ---- what is unsure -------------------------------------------------------------------


def unsure_chapter(m: Material) -> Chapter:
    """Tell what is made up, what is not reached, what was found wrong, and what was set aside."""
    w, said = m.w, m.w.unsure
    made_up, derived = m.layers("synthetic"), m.layers("derived")
    told: list[Block] = [Text(said.lead)]
    if made_up:
        told.append(Text(w.fill("unsure.made_up", what=w.join(_layers(m, made_up)))))
    if derived:
        told.append(Text(w.fill("unsure.derived", what=w.join(_layers(m, derived)))))
    if not made_up and not derived and m.manifest.get("inputs"):
        told.append(Text(said.all_real))
    sections = [Section("made_up", w.section.made_up, told)]
    for name, blocks in (
        ("not_reached", _not_reached(m)), ("findings", _findings(m)),
        ("set_aside", _set_aside(m)),
    ):  # fmt: skip
        if blocks:
            sections.append(Section(name, w.section[name], blocks))
    return Chapter("unsure", w.chapter.unsure, sections, follows=True)


def _layers(m: Material, layers: list[str]) -> list[str]:
    return [m.w.synthetic.get(one, m.w.layer.get(one, one).lower()) for one in layers]


def _not_reached(m: Material) -> list[Block]:
    cost = m.pick("cost", area_kind="region")
    if cost is None:
        return []
    w = m.w
    row = cost.iloc[0]
    if not row["unreached_premises"]:
        return [Text(w.unsure.reached_all)]
    reach = m.manifest.get("network", {}).get("unserved_premises_by_reach", {})
    text = w.fill(
        "unsure.not_reached",
        households=w.count(row["unreached_households"], "household"),
        premises=w.count(row["unreached_premises"], "premises"),
        no_road=w.number(reach.get("no_road", 0)), no_fibre=w.number(reach.get("no_fibre", 0)),
    )  # fmt: skip
    return [Text(text)]


def _findings(m: Material) -> list[Block]:
    w, said = m.w, m.w.unsure
    findings = m.manifest.get("findings", [])
    if not findings:
        return [Text(said.findings_none)]
    order = ("error", "warning", "info")
    ranked = sorted(findings, key=lambda one: order.index(str(one.get("severity", "info"))))
    rows = [
        Row([w.severity.get(str(one.get("severity")), ""),
             w.layer.get(str(one.get("layer")), str(one.get("layer", "")).upper()),
             w.number(one.get("rows") or None),
             _sentence(translate(str(one.get("message", "")), w.language))])
        for one in ranked[:_MANY]
    ]  # fmt: skip
    heads = [said.severity, said.layer, said.rows, said.message]
    return [Table(said.findings_caption, heads, rows, words=frozenset({1, 3}))]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _set_aside(m: Material) -> list[Block]:
    w, said = m.w, m.w.unsure
    counts: dict[str, Any] = dict(m.manifest.get("set_aside", {}))
    if not counts:
        return [Text(said.set_aside_none)]
    rows = [
        Row([_sentence(reason), w.number(count)])
        for reason, count in sorted(counts.items(), key=lambda one: -int(one[1]))[:_MANY]
    ]
    return [Table(said.set_aside_caption, [said.reason, said.rows], rows)]


# ---- versions -------------------------------------------------------------------------


def versions_chapter(m: Material) -> Chapter | None:
    """List what made the result, and the sums that agree between its tables."""
    w, said = m.w, m.w.versions
    versions = m.manifest.get("versions", {})
    if not versions:
        return None
    blocks: list[Block] = [
        Text(said.lead),
        Table(said.caption, [said.name, said.version],
              [Row([str(name), str(one)]) for name, one in versions.items()],
              words=frozenset({1})),
    ]  # fmt: skip
    return Chapter("versions", w.chapter.versions, [Section("made", "", blocks)], follows=True)
