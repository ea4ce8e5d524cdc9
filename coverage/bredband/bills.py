"""Reading what a bill of quantities needs: a run's results, or a list in TOML."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow.parquet as pq
from bredband_gis.errors import BadValueError, UnreadableSourceError
from bredband_gis.store import MANIFEST

from bredband.display import show
from bredband.prices import PriceError, Prices
from bredband.quantities import bill_of_areas, bill_of_list, bill_of_network

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_TRENCH: Final = (
    "edge_id", "from_node", "to_node", "length_m", "surface", "price_sek_per_m", "cost_sek",
    "municipality_code", "area_id",
)  # fmt: skip
_PREMISES: Final = (
    "premises_id", "households", "workplaces", "municipality_code", "segment", "reach",
    "road_distance_m", "area_id",
)  # fmt: skip
_RERUN: Final = "run the region again: bredband run FOLDER"


@dataclass(frozen=True)
class Built:
    """What a run laid out, read back.

    Attributes
    ----------
    name, code : str
        Of the region.
    language : str
        Of the run.
    provenance : str
        real, derived or synthetic.
    trench : DataFrame
        ``tables.TRENCH`` without geometry.
    premises : DataFrame
        Unserved premises: what they hold, and ``reach``, ``road_distance_m``, ``area_id``.
    municipalities : DataFrame
        municipality_code, municipality_name.
    prices : Prices
        That the run was made with.
    """

    name: str
    code: str
    language: str
    provenance: str
    trench: pd.DataFrame
    premises: pd.DataFrame
    municipalities: pd.DataFrame
    prices: Prices

    def _repr_html_(self) -> str:
        return show(self)


@dataclass(frozen=True)
class Listed:
    """A list of quantities, priced.

    Attributes
    ----------
    name : str
        What it is a list of.
    bill : DataFrame
        ``tables.BILL``.
    connections : float
        To divide by; 0 where the list does not say.
    """

    name: str
    bill: pd.DataFrame
    connections: float

    def _repr_html_(self) -> str:
        return show(self)


def read_built(folder: Path) -> Built:
    """Read what ``bredband run`` left in a folder.

    Raises
    ------
    UnreadableSourceError
        The folder holds no run's results, or a file of it is not whole.
    """
    for name in (MANIFEST, "trench.parquet", "premises.parquet", "cost.csv"):
        if not (folder / name).is_file():
            msg = f"there is no {name}: the folder holds no run's results"
            fix = f"name a run's folder, or {_RERUN}"
            raise UnreadableSourceError(msg, where=str(folder), fix=fix)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        settings = manifest["settings"]
        prices = Prices.model_validate(settings["prices"])
        trench = pq.read_table(folder / "trench.parquet", columns=list(_TRENCH)).to_pandas()
        premises = pq.read_table(
            folder / "premises.parquet", columns=list(_PREMISES),
            filters=[("reach", "!=", "")],
        ).to_pandas()  # fmt: skip
        cost = pd.read_csv(folder / "cost.csv", dtype={"area_code": "str", "area_name": "str"})
        places = cost[cost["area_kind"] == "municipality"][["area_code", "area_name"]]
        return Built(
            name=str(settings["region"]["name"]),
            code=str(settings["region"]["code"]),
            language=str(settings["region"]["language"]),
            provenance=str(manifest["provenance"]),
            trench=trench,
            premises=premises[premises["reach"].notna()].reset_index(drop=True),
            municipalities=places.set_axis(["municipality_code", "municipality_name"], axis=1),
            prices=prices,
        )
    except (ValueError, KeyError, TypeError, OSError) as error:
        reason = str(error).splitlines()[0][:200]
        msg = f"the results are cut off or not whole ({type(error).__name__}: {reason})"
        raise UnreadableSourceError(msg, where=str(folder), fix=_RERUN) from None


def choose_bill(
    built: Built,
    *,
    municipalities: Sequence[str] = (),
    area_ids: Sequence[str] = (),
    scope: str | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, Prices]:
    """Give the bill that was asked for, of what a run laid out.

    Parameters
    ----------
    built : Built
        From :func:`read_built`.
    municipalities : sequence of str
        Codes or names; none for the region.
    area_ids : sequence of str
        Build areas, one bill of all of them.
    scope : {"passed", "connected"}, optional
        Other than that of the run.

    Returns
    -------
    written : DataFrame
        ``tables.BILL``: every municipality and the region where nothing was chosen.
    shown : DataFrame
        Of these what is to be shown: the region where nothing was chosen.
    prices : Prices
        As the bill has them.

    Raises
    ------
    BadValueError
        There is no such municipality or area.
    """
    prices = built.prices
    if scope is not None:
        prices = Prices.model_validate({**prices.model_dump(), "scope": scope})
    found = []
    if area_ids:
        found.append(
            bill_of_areas(built.trench, built.premises, built.premises, area_ids, prices=prices)
        )
    if municipalities or not area_ids:
        every = bill_of_network(
            built.trench, built.premises, built.premises, built.municipalities,
            prices=prices, region_code=built.code, region_name=built.name,
        )  # fmt: skip
        if not municipalities:
            return every, every[every["area_kind"] == "region"], prices
        names = built.municipalities
        for one in municipalities:
            here = (names["municipality_code"] == one) | (
                names["municipality_name"].str.casefold() == one.casefold()
            )
            if not here.any():
                msg = f"there is no municipality {one}"
                fix = f"choose among {', '.join(names['municipality_name'])}"
                raise BadValueError(msg, where=built.name, fix=fix)
            codes = names.loc[here, "municipality_code"]
            own = every["area_code"].isin(codes) & (every["area_kind"] == "municipality")
            found.append(every[own])
    chosen = pd.concat(found, ignore_index=True)
    return chosen, chosen, prices


def read_list(path: Path, *, prices: Prices | None = None) -> Listed:
    """Read a list of quantities: ``name``, ``connections`` and ``[[items]]`` in TOML.

    Raises
    ------
    PriceError
        The file is missing or not TOML, or a row of it is not whole.
    """
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        msg = "there is no such file"
        raise PriceError(msg, where=str(path), fix="name a list in TOML") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"not valid TOML in UTF-8: {error}"
        raise PriceError(msg, where=str(path), fix="correct the file") from None
    unknown = set(content) - {"name", "connections", "items"}
    items, connections = content.get("items", []), content.get("connections", 0)
    if unknown or not isinstance(items, list) or not isinstance(connections, (int, float)):
        msg = f"{min(unknown)} is not known" if unknown else "items or connections is wrong"
        fix = "write name, connections (a number) and [[items]]"
        raise PriceError(msg, where=str(path), fix=fix)
    return Listed(
        name=str(content.get("name", path.stem)),
        bill=bill_of_list(items, prices=prices or Prices(), where=str(path)),
        connections=float(connections),
    )
