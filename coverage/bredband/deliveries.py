"""Reading the results of two runs, comparing them, and writing what changed."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import duckdb
import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from bredband_gis.errors import GeodataError, UnreadableSourceError
from bredband_gis.store import MAKER, MANIFEST, connect, first_line, quote, write_folder

from bredband.caveats import Facts, change_warnings
from bredband.change import change_table, match_premises, matched_table
from bredband.changed import changed_premises
from bredband.counting import BUILT_UP_SEGMENTS
from bredband.display import show
from bredband.tables import CHANGE, CHANGED_PREMISES, STATISTICS, STATUS, check_table

if TYPE_CHECKING:
    from pathlib import Path

    from bredband_gis.quality import Finding

FILES: Final = (MANIFEST, "bredband.duckdb", "premises.parquet")
"""What a run's folder must hold to be compared."""

_MUNICIPALITY: Final = ("municipality_code", "municipality_name", "county_code", "county_name")
_RERUN: Final = "run the region again: bredband run FOLDER"


@dataclass(frozen=True)
class Run:
    """The results of a run, read back.

    Attributes
    ----------
    facts : Facts
        Year, region, provenance and definitions.
    coverage : DataFrame
        tables.STATISTICS.
    status : DataFrame
        tables.STATUS without geometry; an older run may lack the later columns.
    municipalities : DataFrame
        tables.MUNICIPALITIES without geometry.
    crs : str
        Of ``x`` and ``y``.
    language : str
        Of its map and its reasons.
    public : bool
        Whether the run's tables may be shown to others.
    """

    facts: Facts
    coverage: pd.DataFrame
    status: pd.DataFrame
    municipalities: pd.DataFrame
    crs: str
    language: str
    public: bool


@dataclass(frozen=True)
class Change:
    """Two runs compared.

    Attributes
    ----------
    before, after : Facts
        What was compared.
    table : DataFrame
        tables.CHANGE.
    premises : GeoDataFrame
        tables.CHANGED_PREMISES as points; internal.
    warnings : list of Finding
        To be read before any figure.
    speed_mbit : int
        Target speed of the later run, Mbit/s.
    public : bool
        Whether the table may be shown to others.
    """

    before: Facts
    after: Facts
    table: pd.DataFrame
    premises: gpd.GeoDataFrame
    warnings: list[Finding]
    speed_mbit: int
    public: bool

    def _repr_html_(self) -> str:
        return show(self)


def read_run(folder: Path) -> Run:
    """Read the results that ``bredband run`` left in a folder.

    Raises
    ------
    UnreadableSourceError
        A file of the run is missing, damaged or not the run's.
    GeodataError
        The folder holds no run.
    """
    for name in FILES:
        if not (folder / name).is_file():
            msg = f"there is no {name}: the folder holds no run's results"
            fix = f"name a run's folder, or {_RERUN}"
            raise UnreadableSourceError(msg, where=str(folder), fix=fix)
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        settings = manifest["settings"]
        region, definitions = settings["region"], dict(settings["definitions"])
        made_by, provenance = manifest["made_by"], str(manifest["provenance"])
        facts = Facts(
            name=folder.resolve().name,
            year=int(region["year"]),
            region=str(region["code"]),
            provenance=provenance,
            definitions=definitions,
        )
        public = settings["publication"]["detail"] == "public"
    except (ValueError, KeyError, TypeError) as error:
        msg = f"the manifest is not a run's ({type(error).__name__}: {first_line(error)})"
        raise UnreadableSourceError(msg, where=str(path), fix=_RERUN) from None
    if made_by != MAKER:
        msg = f"the manifest was made by {made_by!r}"
        raise GeodataError(msg, where=str(path), fix="name a folder that bredband run has made")
    coverage, municipalities = _read_tables(folder / "bredband.duckdb")
    check_table(coverage, STATISTICS, where=f"{folder}: coverage")
    return Run(
        facts=facts,
        coverage=coverage,
        status=_read_premises(folder / "premises.parquet"),
        municipalities=municipalities,
        crs=str(region["crs"]),
        language=str(region.get("language", "sv")),
        public=public,
    )


def _read_tables(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read coverage and municipalities; the file is opened for reading alone."""
    con = connect()
    try:
        con.execute(f"ATTACH {quote(str(path))} AS run (READ_ONLY)")
        coverage = con.execute(
            f"SELECT {', '.join(STATISTICS.columns)} FROM run.coverage ORDER BY rowid"
        ).df()
        places = con.execute(
            f"SELECT {', '.join(_MUNICIPALITY)} FROM run.municipalities ORDER BY 1"
        ).df()
    except duckdb.Error as error:
        msg = f"the tables cannot be read ({first_line(error)})"
        raise UnreadableSourceError(
            msg, where=str(path), fix=f"close the programs that have it open, or {_RERUN}"
        ) from None
    finally:
        con.close()
    types = {name: str(column.dtype) for name, column in STATISTICS.columns.items()}
    return coverage.astype(types), places.astype("str")


def _read_premises(path: Path) -> pd.DataFrame:
    try:
        held = pq.read_schema(path).names
        wanted = [name for name in STATUS.columns if name in held]
        table: pd.DataFrame = pd.read_parquet(path, columns=wanted)
    except (OSError, pa.ArrowException) as error:
        msg = f"the premises cannot be read ({first_line(error)})"
        raise UnreadableSourceError(msg, where=str(path), fix=_RERUN) from None
    return pd.DataFrame(table)


def compare_runs(before: Run, after: Run, *, language: str = "sv") -> Change:
    """Compare two runs: the table, the premises, and what to beware of.

    Parameters
    ----------
    before, after : Run
        From :func:`read_run`.
    language : {"sv", "en"}
        Of the reasons and the warnings.

    Raises
    ------
    GeodataError
        The two are not of the same place, or hold an id twice.
    """
    if before.crs != after.crs:
        msg = f"the coordinates are in {before.crs} in one result and {after.crs} in the other"
        raise GeodataError(
            msg,
            where=f"{before.facts.name}, {after.facts.name}",
            fix="run one of them again with the other's crs in region.toml",
        )
    matched = match_premises(before.status, after.status)
    places = pd.concat([after.municipalities, before.municipalities], ignore_index=True)
    same = before.facts.region == after.facts.region
    counted = matched_table(
        before.status,
        after.status,
        places.drop_duplicates("municipality_code"),
        region_code=after.facts.region if same else "",
        speeds_mbit=sorted({*before.coverage["speed_mbit"], *after.coverage["speed_mbit"]}),
        matched=matched,
        localities=_areas("locality", before, after),
        deso=_areas("deso", before, after),
        built_up_segments=after.facts.definitions.get("built_up_segments", BUILT_UP_SEGMENTS),
    )
    table = change_table(before.coverage, after.coverage, counted)
    premises = changed_premises(before.status, after.status, language, matched=matched)
    warnings = change_warnings(
        before.facts, after.facts, change=table, matched=matched, language=language
    )
    points = gpd.points_from_xy(premises["x"], premises["y"])
    return Change(
        before=before.facts,
        after=after.facts,
        table=table,
        premises=gpd.GeoDataFrame(premises, geometry=points, crs=after.crs),
        warnings=warnings,
        speed_mbit=int(after.facts.definitions.get("target_speed_mbit", 100)),
        public=before.public and after.public,
    )


def _areas(kind: str, *runs: Run) -> pd.DataFrame | None:
    """Give the localities or DeSO that both runs have counted; None where one has not."""
    found = []
    for run in runs:
        rows = run.coverage[run.coverage["area_kind"] == kind]
        if rows.empty or f"{kind}_code" not in run.status:
            return None
        found.append(rows["area_code"])
    return pd.DataFrame({f"{kind}_code": pd.concat(found).drop_duplicates()})


def write_change(change: Change, out: Path) -> None:
    """Write what changed to a folder, all of it or nothing.

    ``change.csv``, ``changed_premises.parquet`` and ``.gpkg`` (exact buildings: internal)
    and a manifest with the warnings.

    Raises
    ------
    GeodataError
        The folder holds something that is no earlier result.
    """
    check_table(change.table, CHANGE, where="change")
    check_table(change.premises, CHANGED_PREMISES, where="changed_premises")
    with write_folder(out) as folder:
        change.table.to_csv(folder / "change.csv", index=False, encoding="utf-8")
        change.premises.to_parquet(folder / "changed_premises.parquet", index=False)
        change.premises.to_file(folder / "changed_premises.gpkg", layer="changed_premises")
        kinds = change.premises["change"].value_counts()
        manifest = {
            "made_by": MAKER,
            "version": importlib.metadata.version("bredband"),
            **{
                side: {
                    "name": facts.name,
                    "year": facts.year,
                    "region": facts.region,
                    "provenance": facts.provenance,
                    "definitions": dict(facts.definitions),
                }
                for side, facts in (("before", change.before), ("after", change.after))
            },
            "warnings": [vars(finding) for finding in change.warnings],
            "premises": {str(kind): int(n) for kind, n in kinds.items()},
            "files": {
                path.name: {
                    "bytes": path.stat().st_size,
                    "audience": "public"
                    if path.name == "change.csv" and change.public
                    else "internal",
                }
                for path in sorted(folder.iterdir())
            },
        }
        text = json.dumps(manifest, ensure_ascii=False, indent=2)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
