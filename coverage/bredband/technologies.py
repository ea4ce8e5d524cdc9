"""What a row of coverage says: technology, speeds and whose network, read and checked."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError

from bredband.tables import TECHNOLOGIES, need_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

MAX_SPEED_MBIT: Final = 100_000.0
"""A higher speed is a slip of the pen, such as kbit/s for Mbit/s (U)."""
NO_TECHNOLOGY: Final = len(TECHNOLOGIES)
"""Stands for no technology where they are numbered by their place in TECHNOLOGIES."""
NAME_COLUMNS: Final = "name the file's columns in region.toml, columns = { … }"
"""What to do about a column that a source lacks."""
NO_OPERATOR: Final = ""
"""Stands for a network whose owner is not stated."""

_ALIASES: Final = {
    "fibre": """fibre fiber fiberoptik optiskfiber ftth fttb fttp fttx fiberlan fibrelan
        fiberellerfiberlan tillgangviafiberellerfiberlan ethernet lan pon gpon xgspon villafiber
        byanat stadsnat""",
    "docsis": """docsis docsis3 docsis30 docsis31 docsis4 docsis40 kabeltv cabletv catv kabel cable
        coax koax koaxial hfc tillgangviakabeltv""",
    "vdsl": "vdsl vdsl2 tillgangviavdsl",
    "xdsl": "xdsl dsl adsl adsl2 shdsl sdsl tillgangviaxdsl koppar copper",
    "fwa": """fwa fastradio fixedradio fixedwireless fixedwirelessaccess fasttradlost radio
        radiolank wimax tillgangviafastradio 4gfwa 5gfwa ltefwa""",
    "5g": "5g nr nr5g 5gnr tillgangvianr5g",
    "lte": "lte 4g 4glte lte4g lteadvanced lteej450mhz tillgangvialteej450mhz",
    "satellite": "satellite satellit leo starlink",
}
_PARTS: Final = {"fwa": "fwa", "docsis": "docsis", "vdsl": "vdsl", "gfast": "vdsl"}
"""Parts of longer names, such as Kabel-TV DOCSIS 3.1 and FWA 5G; G.fast is of VDSL's family."""
_TECHNOLOGY_OF: Final = {word: name for name, words in _ALIASES.items() for word in words.split()}


@dataclass(frozen=True)
class Access:
    """Rows of coverage as arrays, one value per row.

    Attributes
    ----------
    rank : array of int64
        Technology, as its place in ``tables.TECHNOLOGIES``; -1 where the speed is 0 and
        none is stated.
    speed, upload : array of float64
        Mbit/s; upload is nan where not stated.
    operator : array of object
        Whose network it is; empty text where not stated.
    """

    rank: Ints
    speed: Floats
    upload: Floats
    operator: NDArray[np.object_]


def read_access(table: pd.DataFrame, *, where: str, speed_mbit: float | None = None) -> Access:
    """Read what each row of coverage gives.

    Parameters
    ----------
    table : DataFrame
        technology, speed_mbit (Mbit/s down); upload_mbit and operator may be missing.
    where : str
        Named in messages.
    speed_mbit : float, optional
        Speed of rows that state none. Without it, each row must.

    Raises
    ------
    MissingColumnError, BadValueError
        A column is missing; a speed is missing, negative or above 100 000 Mbit/s; a
        technology is unknown or missing on a row that has a speed.
    """
    n = len(table)
    if speed_mbit is None:
        need_columns(table, ("technology", "speed_mbit"), where, fix=NAME_COLUMNS)
        speed = read_speeds(table["speed_mbit"], where)
    else:
        need_columns(table, ("technology",), where, fix=NAME_COLUMNS)
        speed = np.full(n, float(speed_mbit))
        if "speed_mbit" in table:
            given = table["speed_mbit"].notna().to_numpy()
            speed[given] = read_speeds(table["speed_mbit"][given], where)
    names = normalise_technology(table["technology"], where=where)
    empty = names.isna().to_numpy() & (speed > 0)
    if empty.any():
        msg = f"technology is empty on {empty.sum()} of {n} rows that have a speed"
        raise BadValueError(msg, where=where, fix="state the technology of every speed")
    upload = np.full(n, np.nan)
    if "upload_mbit" in table:
        given = table["upload_mbit"].notna().to_numpy()
        upload[given] = read_speeds(table["upload_mbit"][given], where, column_name="upload_mbit")
    rank = pd.Categorical(names, categories=TECHNOLOGIES).codes.astype(np.int64)
    return Access(rank, speed, upload, read_operators(table))


def read_operators(table: pd.DataFrame) -> NDArray[np.object_]:
    """Give whose network each row is, "" where it is not stated; case and blanks are evened out."""
    if "operator" not in table:
        return np.full(len(table), NO_OPERATOR, dtype=object)
    codes, words = pd.factorize(table["operator"])
    names = [" ".join(str(word).split()).casefold() for word in words]
    return np.array([*names, NO_OPERATOR], dtype=object)[codes]


def normalise_technology(technology: pd.Series[Any], *, where: str) -> pd.Series[str]:
    """Give each technology the one name that it has here (tables.TECHNOLOGIES).

    Swedish and English names, PTS's column names and common abbreviations are
    understood, whatever their case, accents, spaces and hyphens.

    Parameters
    ----------
    technology : Series
        Names as the source has them; an empty one stays empty.
    where : str
        Named in messages.

    Raises
    ------
    BadValueError
        Names that are not known, each with its number of rows.
    """
    codes, words = pd.factorize(technology)
    names = [_name_of(_key(word)) for word in words]
    unknown = np.flatnonzero([name is None for name in names])
    if len(unknown):
        rows = np.bincount(codes[codes >= 0], minlength=len(words))
        listed = ", ".join(f"{words[i]!r} ({rows[i]} rows)" for i in unknown[:10])
        more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
        msg = f"unknown technology: {listed}{more}"
        fix = f"use one of {', '.join(TECHNOLOGIES)}, or a common Swedish or English name of it"
        raise BadValueError(msg, where=where, fix=fix)
    return pd.Series(
        np.array([*names, None], dtype=object)[codes], index=technology.index, dtype="str"
    )


def _name_of(key: str) -> str | None:
    """Find a technology by its whole name, else by the part that leaves no doubt."""
    told = _TECHNOLOGY_OF.get(key)
    if told is None:
        told = next((name for part, name in _PARTS.items() if part in key), None)
    return told


def _key(word: Any) -> str:
    parts = unicodedata.normalize("NFKD", str(word).casefold())
    return "".join(part for part in parts if part.isalnum())


def read_speeds(column: pd.Series[Any], where: str, *, column_name: str = "speed_mbit") -> Floats:
    """Read Mbit/s.

    Raises
    ------
    BadValueError
        A value is missing, negative or above 100 000.
    """
    speed = read_numbers(column)
    faults = {
        "missing or no number": ~np.isfinite(speed),
        "negative": speed < 0,
        f"above {MAX_SPEED_MBIT:.0f}": np.isfinite(speed) & (speed > MAX_SPEED_MBIT),
    }
    wrong = np.logical_or.reduce(list(faults.values()))
    if wrong.any():
        kinds = ", ".join(f"{rows.sum()} {kind}" for kind, rows in faults.items() if rows.any())
        first = int(np.flatnonzero(wrong)[0])
        msg = (
            f"column {column_name} must hold Mbit/s from 0 to {MAX_SPEED_MBIT:.0f}: {kinds};"
            f" first: {column.iloc[first]} on row {column.index[first]}"
        )
        rows = f"{where}, {wrong.sum()} of {len(wrong)} rows"
        fix = "correct the values; write 0 where there is no connection"
        raise BadValueError(msg, where=rows, fix=fix)
    return speed


def read_numbers(column: pd.Series[Any]) -> Floats:
    """Make numbers of a column, nan where it holds none."""
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
