"""The planned network as the Open Fibre Data Standard publishes networks.

Written by the schema of version 0.4 (F, standard.ofds.info): a package of one network with
nodes and spans in WGS 84, in phases. What is planned here is proposed in the standard's words:
nobody has decided to pay for it. Which is why :mod:`bredband.ofds`, that reads existing
fibre, sets every span of it aside.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.crs import transform_points
from bredband_gis.errors import EmptyLayerError
from bredband_gis.store import write_file
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bredband.audience import cell_m, min_households, seen_by, shown_tables
from bredband.publication import snapped_pieces
from bredband.table_words import table_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bredband.text import Words

    Ints = NDArray[np.int64]

SCHEMA: Final = "https://standard.ofds.info/en/0__4__0/network-schema.json"
"""Where the standard says that a network of version 0.4 is described (F)."""

STATUS: Final = "proposed"
"""The standard's word for what is not financed; planned is for what is (F)."""

DROPS: Final = "aggregationPoint"
"""The standard's word for where cables to premises are spliced on (F, its open list nodeType)."""

AERIAL: Final = "aerial"

_SPACE: Final = uuid.UUID("6f0c5dcb-0a39-5d52-9d0c-6d1d64a3e0f1")
"""Ids are made from what a network is of, so that the same result has the same id."""

_OFF: Final = 0.71
"""How far a vertex moves at most when it goes to the nearest corner of a grid, cells."""


@dataclass(frozen=True)
class _Pieces:
    """Parts of the network: between two nodes each, in the region's CRS."""

    start: Ints
    end: Ints
    lines: NDArray[np.object_]
    phase: Ints
    length_m: NDArray[np.float64]
    aerial: NDArray[np.bool_]


def ofds_network(
    tables: Mapping[str, pd.DataFrame],
    manifest: Mapping[str, Any],
    *,
    exact: bool = False,
    language: str | None = None,
) -> dict[str, Any]:
    """Give the planned network as a network package of the Open Fibre Data Standard.

    Nodes are the ends and the junctions of the new trench, the borders of build areas and,
    when exact, where premises hang; spans are the trench between them. A phase is a build area.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        A run's tables by name: ``trench`` and, for the phases, ``priority_areas``.
    manifest : mapping
        The run's.
    exact : bool
        The routes as they are, not to be shown to others. Otherwise every vertex lies on the
        corners of the published cells, and what reaches few households is left out.
    language : {"sv", "en"}, optional
        Of names and descriptions; the region's when not given.

    Returns
    -------
    dict
        ``{"networks": [...]}``; ready for JSON. Lengths are km along the drawn route.

    Raises
    ------
    EmptyLayerError
        There is no new trench, or none that may be shown.
    """
    settings = manifest.get("settings", {}).get("region", {})
    w = table_words(language or str(settings.get("language", "sv")))
    trench = tables.get("trench")
    if not isinstance(trench, gpd.GeoDataFrame) or trench.empty:
        msg = "there is no new trench in the result"
        raise EmptyLayerError(msg, where="trench", fix="nothing, if all that is planned is there")
    order, phases = _phases(tables, manifest, trench, w, exact=exact)
    side = cell_m(manifest)
    if exact:
        pieces, hangs = _exact_pieces(trench, order)
    else:
        pieces = _coarse_pieces(trench, order, side, min_households(manifest))
        hangs = np.empty(0, np.int64)
    if not pieces.start.size:
        msg = "no new trench reaches so many households that it may be shown"
        raise EmptyLayerError(msg, where="trench", fix="export it exactly, for internal use")
    return {
        "networks": [
            _network(pieces, hangs, phases, trench.crs, manifest, w, side=None if exact else side)
        ]
    }


def write_ofds(package: Mapping[str, Any], path: Path) -> None:
    """Write a network package to a file, complete or not at all.

    Raises
    ------
    GeodataError
        The file cannot be written.
    """
    with write_file(path) as new:
        new.write_text(json.dumps(package, ensure_ascii=False) + "\n", encoding="utf-8")


# ---- phases ---------------------------------------------------------------------------


def _phases(
    tables: Mapping[str, pd.DataFrame],
    manifest: Mapping[str, Any],
    trench: pd.DataFrame,
    w: Words,
    *,
    exact: bool,
) -> tuple[Ints, list[dict[str, Any]]]:
    """Give each edge the number of its build area, the last to be built 0, and the phases."""
    audience = manifest if exact else seen_by(manifest, "public")
    areas = shown_tables(tables, audience).get("priority_areas")
    known = pd.Index(sorted(set(trench["area_id"].dropna())))
    if areas is None:
        phases: list[dict[str, Any]] = [{"id": str(name)} for name in known]
        return known.get_indexer(pd.Index(trench["area_id"])).astype(np.int64), phases
    ranked = areas[areas["area_id"].isin(known)].sort_values(
        "rank", ascending=False, na_position="first", kind="stable"
    )
    numbers = pd.Index(ranked["area_id"]).get_indexer(pd.Index(trench["area_id"]))
    phases = []
    for row in ranked.to_dict("records"):
        rank = "" if pd.isna(row["rank"]) else f"{row['rank']}. "
        phase = {"id": str(row["area_id"]), "name": f"{rank}{row['name']} ({row['area_id']})"}
        if pd.notna(row["households"]) and pd.notna(row["gap_sek"]):
            phase["description"] = w.fill(
                "ofds.phase", households=w.count(row["households"], "household"),
                support=w.money(max(float(row["gap_sek"]), 0.0)),
                municipality=row["municipality"],
            )  # fmt: skip
        phases.append(phase)
    return numbers.astype(np.int64), phases


# ---- pieces ---------------------------------------------------------------------------


def _exact_pieces(trench: gpd.GeoDataFrame, phase: Ints) -> tuple[_Pieces, Ints]:
    """Give the trench's edges, each line from its start, and the nodes where premises hang."""
    lines = trench.geometry.to_numpy()
    start, end = trench["from_node"].to_numpy(), trench["to_node"].to_numpy()
    first = shapely.get_coordinates(shapely.get_point(lines, 0))
    last = shapely.get_coordinates(shapely.get_point(lines, -1))
    # Lines that meet may miss each other by what a computer cannot write: a millimetre is the same.
    both = np.rint(np.concatenate([first, last]) * 1000).astype(np.int64)
    corner = np.unique(both, axis=0, return_inverse=True)[1]
    turned = _turned(start, end, corner[: len(lines)], corner[len(lines) :])
    lines = np.where(turned, shapely.reverse(lines), lines)
    below = trench["premises_below"].to_numpy()
    held = (
        pd.Series(below).groupby(end).sum().sub(pd.Series(below).groupby(start).sum(), fill_value=0)
    )
    hangs = held.index[(held > 0) & held.index.isin(end)].to_numpy(np.int64)
    surface = trench["surface"].to_numpy() if "surface" in trench else np.full(len(lines), "")
    return _Pieces(
        start.astype(np.int64), end.astype(np.int64), lines, phase,
        trench["length_m"].to_numpy(np.float64), surface == AERIAL,
    ), hangs  # fmt: skip


def _turned(start: Ints, end: Ints, first: Ints, last: Ints) -> NDArray[np.bool_]:
    """Find the edges that are drawn from their end to their start.

    Parameters
    ----------
    start, end : arrays of int
        Nodes of each edge; an edge ends where the next begins, each node ends at most one.
    first, last : arrays of int
        Where its line begins and ends: the same number is the same place.
    """
    number = np.arange(start.size)
    ends = pd.DataFrame(
        {
            "node": np.concatenate([start, start, end, end]),
            "corner": np.concatenate([first, last, first, last]),
            "edge": np.tile(number, 4),
        }
    ).drop_duplicates()
    # A node lies where all its edges have an end; with one edge alone either end may be it.
    votes = ends.groupby(["node", "corner"]).size().reset_index(name="votes")
    votes = votes.sort_values(["node", "votes"], kind="stable")
    best = votes.drop_duplicates("node", keep="last").set_index("node")
    again = votes[votes.duplicated("node", keep="last")].drop_duplicates("node", keep="last")
    second = again.set_index("node")["votes"].reindex(best.index).fillna(0)
    place = best["corner"].where(best["votes"] > second, -1)
    of_start, of_end = place.reindex(start).to_numpy(), place.reindex(end).to_numpy()
    turned = np.where(of_start >= 0, of_start != first, (of_end >= 0) & (of_end != last))
    # What is still open begins where the edge before it ends.
    before = pd.Series(number, index=end).reindex(start).to_numpy()
    known = (of_start >= 0) | (of_end >= 0) | np.isnan(before)
    while not known.all():
        previous = np.where(known, 0, np.nan_to_num(before)).astype(np.int64)
        ready = ~known & known[previous]
        if not ready.any():
            break
        reached = np.where(turned[previous], first[previous], last[previous])
        turned = np.where(ready, reached != first, turned)
        known |= ready
    found: NDArray[np.bool_] = turned.astype(bool)
    return found


def _coarse_pieces(trench: gpd.GeoDataFrame, phase: Ints, side: float, few: int) -> _Pieces:
    """Give the straight pieces of the published network."""
    numbered = trench[["households_below", "geometry"]].assign(phase=phase)
    pieces = snapped_pieces(
        numbered, cell_m=side, min_households=few, by="phase",
        classes=range(int(phase.max(initial=0)) + 1),
    )  # fmt: skip
    ends = pieces[["x0", "y0", "x1", "y1"]].to_numpy(np.int64).reshape(-1, 2, 2)
    _, node = np.unique(ends.reshape(-1, 2), axis=0, return_inverse=True)
    node = node.reshape(-1, 2)
    lines = shapely.linestrings(ends * float(side))
    return _Pieces(
        node[:, 0], node[:, 1], lines, pieces["class_from"].to_numpy(np.int64),
        shapely.length(lines), np.zeros(len(pieces), bool),
    )  # fmt: skip


# ---- spans ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Spans:
    start: Ints
    end: Ints
    lines: NDArray[np.object_]
    phase: Ints
    length_m: NDArray[np.float64]
    aerial: NDArray[np.int64]
    """0 none of it hangs in the air, 1 some, 2 all."""


def _contract(pieces: _Pieces, hangs: Ints) -> _Spans:
    """Join pieces at nodes where nothing happens into spans."""
    nodes, index = np.unique(np.concatenate([pieces.start, pieces.end]), return_inverse=True)
    start, end = index[: pieces.start.size], index[pieces.start.size :]
    kept = np.bincount(index, minlength=nodes.size) != 2
    kept |= np.isin(nodes, hangs)
    # A border between two areas.
    lowest, highest = np.full(nodes.size, np.iinfo(np.int64).max), np.full(nodes.size, -1)
    for side in (start, end):
        np.minimum.at(lowest, side, pieces.phase)
        np.maximum.at(highest, side, pieces.phase)
    kept |= lowest != highest
    for _ in range(3):
        group, lines = _merge(pieces, start, end, kept)
        whole = shapely.get_type_id(lines) == 1
        ends = np.bincount(group, kept[start].astype(float) + kept[end], minlength=lines.size)
        wrong = ~whole | (ends != 2)
        if not wrong.any():
            break
        # Rings without a node, and lines that cross themselves, keep all of theirs.
        loose = wrong[group]
        kept[start[loose]] = True
        kept[end[loose]] = True
    return _spans(pieces, start, end, kept, nodes, group, lines)


def _merge(
    pieces: _Pieces, start: Ints, end: Ints, kept: NDArray[np.bool_]
) -> tuple[Ints, NDArray[np.object_]]:
    """Give each piece's span, and the spans' lines."""
    number = np.arange(start.size)
    node = np.concatenate([start, end])
    piece = np.concatenate([number, number])[~kept[node]]
    node = node[~kept[node]]
    by_node = np.argsort(node, kind="stable")
    pairs = piece[by_node].reshape(-1, 2)  # two pieces meet at every node that is not kept
    graph = coo_array(
        (np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(start.size, start.size)
    )
    count, group = connected_components(graph, directed=False)
    order = np.argsort(group, kind="stable")
    joined = shapely.line_merge(
        shapely.multilinestrings(pieces.lines[order], indices=group[order].astype(np.intp))
    )
    return group.astype(np.int64), joined[:count]


def _spans(
    pieces: _Pieces, start: Ints, end: Ints, kept: NDArray[np.bool_], nodes: Ints, group: Ints,
    lines: NDArray[np.object_],
) -> _Spans:  # fmt: skip
    """Give each span its two nodes, its line from the first to the second."""
    ends = pd.DataFrame(
        {
            "group": np.concatenate([group, group]),
            "node": np.concatenate([start, end]),
            "last": np.repeat([False, True], start.size),
            "piece": np.tile(np.arange(start.size), 2),
        }
    )
    ends = ends[kept[ends["node"].to_numpy()]].sort_values(["group", "last"], kind="stable")
    pairs = ends["node"].to_numpy().reshape(-1, 2)
    first = ends.iloc[::2]
    at = np.where(first["last"], -1, 0)
    begins = shapely.get_point(pieces.lines[first["piece"].to_numpy()], at)
    ring = pairs[:, 0] == pairs[:, 1]
    far = shapely.distance(shapely.get_point(lines, 0), begins)
    near = shapely.distance(shapely.get_point(lines, -1), begins)
    lines = np.where(~ring & (near < far), shapely.reverse(lines), lines)
    for number in np.flatnonzero(ring & (far > 0)):
        lines[number] = _rotate(lines[number], begins[number])
    frame = pd.DataFrame(
        {"length": pieces.length_m, "phase": pieces.phase, "aerial": pieces.aerial.astype(int)}
    ).groupby(group)
    aerial = frame["aerial"].agg(["min", "max"]).sum(axis=1)
    return _Spans(
        nodes[pairs[:, 0]], nodes[pairs[:, 1]], lines, frame["phase"].first().to_numpy(np.int64),
        frame["length"].sum().to_numpy(np.float64), aerial.to_numpy(np.int64),
    )  # fmt: skip


def _rotate(ring: Any, begin: Any) -> Any:
    """Let a ring begin at one of its corners."""
    corners = shapely.get_coordinates(ring)[:-1]
    at = int(np.argmin(np.hypot(*(corners - shapely.get_coordinates(begin)).T)))
    return shapely.linestrings(np.vstack([corners[at:], corners[:at], corners[at : at + 1]]))


# ---- the standard's words -------------------------------------------------------------


def _network(
    pieces: _Pieces, hangs: Ints, phases: Sequence[dict[str, Any]], crs: Any,
    manifest: Mapping[str, Any], w: Words, *, side: float | None,
) -> dict[str, Any]:  # fmt: skip
    spans = _contract(pieces, hangs)
    digits = 7 if side is None else 5
    corner, owner = shapely.get_coordinates(spans.lines, return_index=True)
    lon, lat = transform_points(corner[:, 0], corner[:, 1], crs, "EPSG:4326")
    placed = np.column_stack([lon, lat]).round(digits)
    begin = np.searchsorted(owner, np.arange(spans.lines.size))
    until = np.searchsorted(owner, np.arange(spans.lines.size), "right")
    nodes, first, which = np.unique(
        np.concatenate([spans.start, spans.end]), return_index=True, return_inverse=True
    )
    ends = np.concatenate([begin, until - 1])
    at = ends[first]
    placed[ends] = placed[at[which]]  # a route ends where its node lies, to the last digit
    routes = [placed[a:b].tolist() for a, b in zip(begin, until, strict=True)]
    phase_of = np.concatenate([spans.phase, spans.phase])[first]
    told = [{name: one[name] for name in ("id", "name") if name in one} for one in phases]
    region = str(manifest.get("region", ""))
    settings = manifest.get("settings", {}).get("region", {})
    name = w.fill("ofds.name", region=region, year=settings.get("year", ""))
    deployments = (["belowGround"], ["aboveGround", "belowGround"], ["aboveGround"])
    used = np.unique(spans.phase[spans.phase >= 0])
    hanging = np.isin(nodes, hangs)
    network: dict[str, Any] = {
        "id": str(uuid.uuid5(_SPACE, f"{settings.get('code', '')}|{name}|{side}")),
        "name": name,
        "publisher": {"name": region or "bredband"},
        "crs": {
            "name": "urn:ogc:def:crs:OGC::CRS84",
            "uri": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        },
        "language": w.language,
        "accuracy": 1.0 if side is None else round(_OFF * side, 1),
        "accuracyDetails": w.ofds.exact
        if side is None
        else w.fill("ofds.coarse", cell=w.length(side), n=min_households(manifest)),
        "links": [{"href": SCHEMA, "rel": "describedby"}],
        "nodes": [
            {
                "id": f"n{node}",
                **({"phase": told[number]} if number >= 0 else {}),
                "status": STATUS,
                "location": {"type": "Point", "coordinates": place},
                **({"type": [DROPS]} if hangs_here else {}),
            }
            for node, number, place, hangs_here in zip(
                nodes.tolist(), phase_of.tolist(), placed[at].tolist(), hanging.tolist(),
                strict=True,
            )
        ],
        "spans": [
            {
                "id": f"s{number}",
                **({"phase": told[phase]} if phase >= 0 else {}),
                "status": STATUS,
                "start": f"n{start}",
                "end": f"n{end}",
                "directed": False,
                "route": {"type": "LineString", "coordinates": route},
                "transmissionMedium": ["fibre"],
                **({"deployment": deployments[aerial]} if side is None else {}),
                "fibreLength": round(length / 1000, 3),
            }
            for number, (phase, start, end, route, aerial, length) in enumerate(
                zip(
                    spans.phase.tolist(), spans.start.tolist(), spans.end.tolist(), routes,
                    spans.aerial.tolist(), spans.length_m.tolist(), strict=True,
                )
            )
        ],
    }  # fmt: skip
    if used.size:
        network["phases"] = [phases[number] for number in used[::-1]]
    return network
