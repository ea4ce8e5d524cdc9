"""Rules about what the tables say: counts, codes, speeds, plans, years, and sums of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from bredband_gis.tabular import parse_numbers

from bredband.check_context import Found, offenders_of
from bredband.check_screen import shapes_of
from bredband.technologies import normalise_technology

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from bredband.check_context import Context, ReadFile

_NAMES = {"municipalities": "municipality_name", "localities": "locality_name"}
_POPULATION = ("population", "befolkning", "folkmängd", "folkmangd", "invånare", "invanare")
_KBIT_LEAST, _KBIT_MEDIAN = 1_000.0, 10_000.0
"""Nine in ten above the one and half above the other: no network sells that in Mbit/s (U)."""
_GBIT_MOST = 10.0
"""Fibre whose fastest is no more than this was written in Gbit/s (U)."""


def encodings(context: Context) -> Iterator[Found]:
    """Note text files in another encoding than UTF-8."""
    for read in context.read:
        encoding = str(read.facts.get("encoding") or "")
        if encoding and encoding.casefold().replace("-", "") not in {"utf8", "utf8sig", "ascii"}:
            yield Found("encoding", read.name, read.file, 0, {"encoding": encoding})


def empty_names(context: Context) -> Iterator[Found]:
    """Find municipalities and localities without a name."""
    for name, column in _NAMES.items():
        for read in context.files(name):
            if column not in read.frame:
                continue
            text = read.frame[column].astype("str").fillna("").str.strip()
            empty = text.isin(("", "-", "?", "nan", "None")).to_numpy()
            if empty.any():
                yield _of_rows("empty-name", read, empty, {"n": int(empty.sum())})


def municipality_codes(context: Context) -> Iterator[Found]:
    """Find buildings whose stated municipality is not the one that they are counted in."""
    premises = context.premises
    if "stated_code" not in premises or not premises["used"].any():
        return
    stated, true = _keys(premises["stated_code"]), _keys(premises["municipality_code"])
    wrong = premises["used"] & premises["stated_code"].notna() & (stated != true)
    for file, rows in premises[wrong].groupby("file"):
        at = offenders_of(
            rows,
            stated=rows["stated_code"].to_numpy(),
            true=rows["municipality_code"].to_numpy(),
            households=rows["households"].to_numpy(),
        )
        yield Found("municipality-code", "premises", str(file), len(rows), {"n": len(rows)}, at)


def crowded_buildings(context: Context) -> Iterator[Found]:
    """Find buildings with more households than any house has."""
    used, limit = context.used, context.limits.households
    for file, rows in used[used["households"] > limit].groupby("file"):
        details = {"n": len(rows), "limit": limit, "most": int(rows["households"].max())}
        at = offenders_of(rows, households=rows["households"].to_numpy())
        yield Found("crowded-building", "premises", str(file), len(rows), details, at)


def household_sums(context: Context) -> Iterator[Found]:
    """Compare each municipality's households with its total, and with its population."""
    inputs = context.survey.inputs
    if inputs is None:
        return
    places = inputs.municipalities
    keys = _keys(places["municipality_code"])
    sums = context.used.groupby(_keys(context.used["municipality_code"]))["households"].sum()
    ours = sums.reindex(keys).fillna(0).to_numpy(dtype=float)
    limits = context.limits
    for rule, columns, layers in (
        ("households-against-totals", ("households",), ("totals",)),
        ("households-against-population", _POPULATION, ("totals", "municipalities")),
    ):
        for read in context.files(*layers):
            names = {str(name).casefold(): name for name in read.frame}
            column = next((names[name] for name in columns if name in names), None)
            if column is None or "municipality_code" not in read.frame:
                continue
            number = pd.Series(
                parse_numbers(read.frame[column]).values,
                index=_keys(read.frame["municipality_code"]),
            )
            theirs = number.groupby(level=0).sum(min_count=1).reindex(keys).to_numpy()
            with np.errstate(invalid="ignore", divide="ignore"):
                if rule == "households-against-totals":
                    ratio = ours / theirs
                    wrong = np.abs(ratio - 1) > limits.totals_share
                else:
                    ratio = theirs / ours
                    wrong = np.abs(ratio / limits.persons_per_household - 1) > limits.persons_share
            wrong &= theirs > 0
            if not wrong.any():
                continue
            at = pd.DataFrame(
                {
                    "row": pd.array([pd.NA] * int(wrong.sum()), "Int64"),
                    "id": places["municipality_code"].to_numpy()[wrong],
                    "geometry": shapes_of(places)[wrong],
                    "name": places["municipality_name"].to_numpy()[wrong],
                    "households": ours[wrong].astype(np.int64),
                    "theirs": theirs[wrong],
                    "ratio": ratio[wrong],
                }
            )
            yield Found(
                rule,
                read.name,
                read.file,
                len(at),
                {
                    "n": len(at),
                    "examples": at["name"].head(3).tolist(),
                    "limit_share": limits.totals_share,
                    "rule_of_thumb": limits.persons_per_household,
                },
                at,
            )


def coverage_matches(context: Context) -> Iterator[Found]:
    """Find coverage of buildings that are not there, and buildings without coverage."""
    reads, inputs = _tables(context, "coverage"), context.survey.inputs
    if inputs is None or inputs.coverage is None:
        return
    used = context.used
    known = pd.Index(used["premises_id"])
    aside = context.survey.set_aside
    unused = aside.loc[aside["layer"] == "premises", "id"].dropna()
    for read in reads:
        ids = pd.Index(read.frame["premises_id"].astype("str"))
        lost = known.get_indexer(ids) < 0
        if lost.any():
            details = {"n": int(lost.sum()), "aside": int(ids[lost].isin(unused).sum())}
            yield _of_rows(
                "coverage-without-building", read, lost, details, premises_id=ids[lost].to_numpy()
            )
    silent = used[~known.isin(inputs.coverage["premises_id"].astype("str"))]
    if len(silent):
        details = {"n": len(silent), "households": int(silent["households"].sum())}
        at = offenders_of(silent, households=silent["households"].to_numpy())
        yield Found("building-without-coverage", "coverage", "", len(silent), details, at)


def other_matches(context: Context) -> Iterator[Found]:
    """Find plans and offers of buildings that are not there."""
    if context.survey.inputs is None:
        return
    known = pd.Index(context.used["premises_id"])
    for read in (*_tables(context, "plans"), *_tables(context, "offers")):
        ids = pd.Index(read.frame["premises_id"].astype("str"))
        lost = known.get_indexer(ids) < 0
        if lost.any():
            columns = {"premises_id": ids[lost].to_numpy()}
            yield _of_rows("row-without-building", read, lost, {"n": int(lost.sum())}, **columns)


def speeds(context: Context) -> Iterator[Found]:
    """Find speeds that a technology cannot give, and uploads far above the download."""
    fastest = context.limits.fastest()
    for read in context.files("coverage", "connected"):
        frame = read.frame
        if not {"technology", "speed_mbit"} <= set(frame.columns):
            continue
        speed = parse_numbers(frame["speed_mbit"]).values
        technology = normalise_technology(frame["technology"], where=read.file)
        limit = technology.map(fastest).to_numpy(dtype=float)
        wrong = speed > limit
        if wrong.any():
            counts = technology[wrong].value_counts()
            yield _of_rows(
                "implausible-speed",
                read,
                wrong,
                {
                    "n": int(wrong.sum()),
                    "kinds": [f"{name} > {fastest[str(name)]:g}" for name in counts.index],
                },
                technology=technology[wrong].to_numpy(),
                speed=speed[wrong],
                limit=limit[wrong],
            )
        if "upload_mbit" in frame:
            upload = parse_numbers(frame["upload_mbit"]).values
            times = context.limits.upload_times
            wrong = (speed > 0) & (upload > speed * times)
            if wrong.any():
                yield _of_rows(
                    "upload-above-download",
                    read,
                    wrong,
                    {"n": int(wrong.sum()), "times": times},
                    speed=speed[wrong],
                    upload=upload[wrong],
                )


def speed_units(context: Context) -> Iterator[Found]:
    """Suspect kbit/s or Gbit/s in files that say Mbit/s."""
    for read in context.files("coverage", "connected"):
        frame = read.frame
        if not {"technology", "speed_mbit"} <= set(frame.columns):
            continue
        speed = parse_numbers(frame["speed_mbit"]).values
        served = speed > 0
        if not served.any():
            continue
        fibre = (normalise_technology(frame["technology"], where=read.file) == "fibre").to_numpy()
        median, least = np.median(speed[served]), np.quantile(speed[served], 0.1)
        details = {"n": int(served.sum()), "median": float(median)}
        if least >= _KBIT_LEAST and median >= _KBIT_MEDIAN:
            yield Found(
                "speed-unit", read.name, read.file, len(frame), {**details, "unit": "kbit/s"}
            )
        elif (fibre & served).any() and speed[fibre & served].max() <= _GBIT_MOST:
            yield Found(
                "speed-unit", read.name, read.file, len(frame), {**details, "unit": "Gbit/s"}
            )


def duplicate_coverage(context: Context) -> Iterator[Found]:
    """Find rows that say the same of the same building again."""
    reads = _tables(context, "coverage")
    columns = ["premises_id", "technology", "speed_mbit", "upload_mbit", "operator"]
    parts = [
        read.frame.reindex(columns=[c for c in columns if any(c in r.frame for r in reads)]).assign(
            file_number=number
        )
        for number, read in enumerate(reads)
        if "speed_mbit" in read.frame
    ]
    if not parts:
        return
    table = pd.concat(parts)
    again = table.drop(columns="file_number").duplicated().to_numpy()
    for number, read in enumerate(reads):
        mine = (table["file_number"] == number).to_numpy()
        rows = again[mine]
        if len(rows) and rows.any():
            ids = read.frame["premises_id"].to_numpy()[rows]
            yield _of_rows(
                "duplicate-coverage", read, rows, {"n": int(rows.sum())}, premises_id=ids
            )


def overdue_plans(context: Context) -> Iterator[Found]:
    """Find plans that should have been done by the year of the coverage."""
    year = context.region.region.year
    for read in context.files("plans"):
        if "year" not in read.frame:
            continue
        due = parse_numbers(read.frame["year"]).values
        late = due <= year
        if late.any():
            details = {"n": int(late.sum()), "year": year, "year_first": int(due[late].min())}
            yield _of_rows("plan-overdue", read, late, details, year=due[late])


def plans_of_connected(context: Context) -> Iterator[Found]:
    """Find premises that have the target speed and are planned it all the same."""
    status = context.survey.status
    if status is None:
        return
    both = (status["status"] == "connected") & (status["planned_speed_mbit"] > 0)
    ids = status.loc[both, "premises_id"]
    rows = context.used[context.used["premises_id"].isin(ids)]
    if len(rows):
        details = {
            "n": len(rows),
            "speed": context.region.definitions.target_speed_mbit,
            "households": int(rows["households"].sum()),
        }
        at = offenders_of(rows, households=rows["households"].to_numpy())
        yield Found("plan-for-connected", "plans", "", len(rows), details, at)


def accepted_offers(context: Context) -> Iterator[Found]:
    """Find buildings where more households accepted than were offered, or than live there."""
    for read in context.files("offers"):
        frame = read.frame
        if not {"offered", "accepted"} <= set(frame.columns):
            continue
        offered, accepted = (parse_numbers(frame[name]).values for name in ("offered", "accepted"))
        more = accepted > offered
        if more.any():
            yield _of_rows(
                "more-accepted-than-offered",
                read,
                more,
                {"n": int(more.sum())},
                offered=offered[more],
                accepted=accepted[more],
            )
        premises = context.survey.inputs.premises if context.survey.inputs else None
        if premises is None:
            continue
        held = premises.set_index("premises_id")["households"]
        homes = held.reindex(frame["premises_id"].astype("str")).to_numpy(dtype=float)
        above = (offered > homes) & (homes > 0)
        if above.any():
            yield _of_rows(
                "more-offered-than-live-there",
                read,
                above,
                {"n": int(above.sum())},
                offered=offered[above],
                households=homes[above],
            )


def years(context: Context) -> Iterator[Found]:
    """Find layers that are of another year than the region's figures, or of none stated."""
    year, limit = context.region.region.year, context.limits.years
    stated = []
    for name, source in context.region.sources.items():
        file = source.path.name
        if source.year is None:
            yield Found("year-unknown", name, file)
            continue
        if abs(source.year - year) > limit:
            details = {"year": year, "year_file": source.year, "limit": limit}
            yield Found("years-differ", name, file, 0, details)
        elif name in {"coverage", "premises", "municipalities"}:
            stated.append((source.year, name, file))
    if stated and max(stated)[0] - min(stated)[0] > limit:
        details = {"year": min(stated)[0], "year_file": max(stated)[0], "limit": limit}
        yield Found("years-differ", max(stated)[1], max(stated)[2], 0, details)


def row_sums(counts: pd.DataFrame) -> Iterator[Found]:
    """Find files of which rows were lost or came twice: in is not used plus set aside."""
    wrong = counts[counts["adds_up"] == False]  # noqa: E712 - it may be missing
    for row in wrong.itertuples(index=False):
        details = {"rows_in": row.rows_in, "used": row.used, "aside": row.set_aside}
        off = abs(int(row.rows_in) - int(row.used) - int(row.set_aside))  # type: ignore[arg-type]
        yield Found("rows-do-not-add-up", str(row.layer), str(row.file), off, details)


def _tables(context: Context, name: str) -> list[ReadFile]:
    return [read for read in context.files(name) if "premises_id" in read.frame]


def _of_rows(
    rule: str, read: ReadFile, rows: NDArray[np.bool_], details: dict[str, Any], **columns: Any
) -> Found:
    """Give rows of a file as offenders; those of a building have its id."""
    frame = read.frame[rows]
    id_column = next(
        (c for c in ("premises_id", "municipality_code", "locality_code") if c in frame), None
    )
    at = pd.DataFrame(
        {
            "row": frame.index.to_numpy(),
            "id": None if id_column is None else frame[id_column].to_numpy(),
            "geometry": shapes_of(frame),
            **columns,
        }
    )
    return Found(rule, read.name, read.file, int(rows.sum()), details, at)


def _keys(codes: pd.Series[Any]) -> pd.Series[str]:
    """Make codes comparable: 0180, "180" and 180.0 are one municipality."""
    text = codes.astype("str").str.strip()
    return text.str.replace(r"\.0+$", "", regex=True).str.lstrip("0").reset_index(drop=True)
