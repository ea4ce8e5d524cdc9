"""Cut a forest of trench into pieces that are not too large and lie in one municipality.

Whose trench it is follows from whom it is for: a piece is cut by the municipality of its
premises, never by where it is dug. So the trunk that crosses a neighbour's land to reach
its homes goes with these homes, and as few pieces as possible come of a border (Hartigan's
count of changes in a tree). What hangs beyond the cut knows the piece that it hangs on.

A branch at existing fibre, or beyond a border, is a part of its own. One with more premises
than a piece may hold is shared out evenly between pieces, which may leave a point together,
so that no small rest is left where it can be helped. What lies at the end of a long trench
that passes nobody is a piece of its own, however small: a few homes that cost as much as
all that lies before them should not decide for these.

References
----------
Hartigan, J. A. (1973). Minimum mutation fits to a given tree. Biometrics 29, 53-65.
Graham, R. L. (1969). Bounds on multiprocessing timing anomalies. SIAM Journal on Applied
Mathematics 17, 416-429 (the largest first, each to the group that holds least).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from bredband_gis.curve import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

_SHARES = (1.0, 0.9, 1.1, 0.8, 1.2, 0.7, 1.35, 0.6, 1.5, 0.5, 0.4, 3.0)
"""How full a branch is when it is cut off, as a share of an even part; the best one is taken."""


class Pieces(NamedTuple):
    """Which piece each trench edge and each premises is in, and what each piece hangs on."""

    of_edge: Ints
    of_premises: Ints
    hangs_on: Ints
    """Per piece, the piece whose trench it leaves; -1 at existing fibre."""
    is_far: Bools
    """Per piece, whether it was cut off for lying far beyond what it hangs on."""


def cut_forest(
    parent: Ints,
    tail: Ints,
    edge_above: Ints,
    node: Ints,
    place: Ints,
    *,
    length: Floats,
    least: int,
    most: int,
    far_m: float = np.inf,
) -> Pieces:
    """Cut a forest into pieces of at most ``most`` premises, each of one place.

    Parameters
    ----------
    parent : array of int, shape (edges,)
        The edge that each hangs on; -1 at existing fibre. Parents before children.
    tail : array of int, shape (edges,)
        Node nearer to existing fibre.
    edge_above : array of int, shape (premises,)
        The edge that ends at each premises' node; -1 at existing fibre. The order of the
        premises decides ties.
    node : array of int, shape (premises,)
        The node of each premises.
    place : array of int, shape (premises,)
        Number of its municipality; all the same where borders do not matter.
    length : array of float, shape (edges,)
        Length of each edge, m.
    least, most : int
        Premises that a piece should hold and may hold. A node with more stays whole.
    far_m : float
        A branch is cut off where its trench passes nobody for longer than this, m, and
        what is left holds ``least``.

    Returns
    -------
    Pieces
        Every piece holds premises of one place, and is connected: its edges and premises
        meet in one point, and hang on it.
    """
    edges, count = parent.size, edge_above.size
    # Points where things hang: the far end of every edge, then the points of existing fibre.
    at_root = np.concatenate([tail[parent < 0], node[edge_above < 0]])
    roots, place_of_root = np.unique(at_root, return_inverse=True)
    site = np.concatenate([parent, edge_above])
    site[site < 0] = edges + place_of_root
    # What hangs there: edges, then premises, those of a municipality at a point together.
    pair = np.stack([site[edges:], place], axis=1)
    (stub_site, stub_place), of_stub = _unique_rows(pair)
    stubs = stub_site.size
    up = np.concatenate([site[:edges], stub_site])
    weight = np.bincount(of_stub, minlength=stubs).astype(np.int64)
    first = np.full(edges + stubs, count, np.int64)
    np.minimum.at(first, edges + of_stub, np.arange(count))

    label = _labels(parent, up, stub_place, weight)
    part = _parts(up, label, edges)
    parts = int(part.max(initial=-1)) + 1
    whole = np.bincount(part[edges:], weights=weight, minlength=parts).astype(np.float64)
    compiled(_first_kernel)(parent, up, first)
    order = np.lexsort((first, up))
    start = np.searchsorted(up[order], np.arange(edges + roots.size + 1))
    lonely = length.copy()
    group = _groups(
        order, start, label, part, weight, whole, lonely, least=least, most=most, far_m=far_m
    )

    cut = (up >= edges) | (group > 0)
    within = up < edges
    cut[within] |= label[up[within]] != label[within]
    (top_site, _), of_top = _unique_rows(np.stack([up[cut], group[cut]], axis=1))
    piece = np.full(edges + stubs, -1, np.int64)
    piece[cut] = of_top
    compiled(_down_kernel)(up, piece, edges)
    hangs_on = np.full(top_site.size, -1, np.int64)
    hangs_on[top_site < edges] = piece[top_site[top_site < edges]]
    is_far = np.zeros(top_site.size, np.bool_)
    is_far[piece[:edges][cut[:edges] & within[:edges] & (lonely > far_m)]] = True
    return Pieces(piece[:edges], piece[edges:][of_stub], hangs_on, is_far)


def _unique_rows(rows: Ints) -> tuple[Ints, Ints]:
    """Give the different rows, as columns, and the number of each row's."""
    found, number = np.unique(rows, axis=0, return_inverse=True)
    return found.T, number.reshape(-1).astype(np.int64)


def _labels(parent: Ints, up: Ints, stub_place: Ints, weight: Ints) -> Ints:
    """Give every edge and stub its municipality, so that trench changes it seldom."""
    edges = parent.size
    if not stub_place.size or (stub_place == stub_place[0]).all():
        return np.zeros(up.size, np.int64) + (stub_place[0] if stub_place.size else 0)
    # Number the municipalities within each tree: few trees hold more than two.
    root = np.where(up >= edges, up, -1)
    compiled(_down_kernel)(up, root, edges)
    (tree, told), of_pair = _unique_rows(np.stack([root[edges:], stub_place], axis=1))
    begin = np.searchsorted(tree, tree)
    local = (np.arange(tree.size) - begin)[of_pair]
    width = int(local.max()) + 1
    label = np.full(up.size, -1, np.int64)
    label[edges:] = local
    below = np.zeros((edges, width), np.int64)
    changes = np.zeros((edges, width), np.int64)
    compiled(_label_kernel)(up, weight, label, below, changes)
    named: Ints = told[np.searchsorted(tree, root) + label]
    return named


def _parts(up: Ints, label: Ints, edges: int) -> Ints:
    """Give the number of the part of one municipality that each belongs to."""
    top = up >= edges
    top[~top] = label[up[~top]] != label[~top]
    part = np.full(up.size, -1, np.int64)
    part[top] = np.arange(int(top.sum()))
    compiled(_down_kernel)(up, part, edges)
    return part


def _groups(
    order: Ints,
    start: Ints,
    label: Ints,
    part: Ints,
    weight: Ints,
    whole: Floats,
    lonely: Floats,
    *,
    least: int,
    most: int,
    far_m: float,
) -> Ints:
    """Cut every part at several degrees of fullness; keep the best cut of each part.

    ``lonely`` has the length of every edge, and gets that of the trench from its beginning
    that passes nobody.
    """
    kernel = compiled(_cut_kernel)
    edges, length = lonely.size, lonely.copy()
    crowded = whole > most
    even = whole / np.maximum(np.ceil(whole / most), 1.0)
    best = np.zeros(part.size, np.int64)
    lowest = np.full((whole.size, 3), np.inf)
    shares = _SHARES if crowded.any() else _SHARES[:1]
    for share, tight in itertools.product(shares, (False, True)):
        full = np.where(crowded, np.minimum(even * share, most + 1.0), np.inf)
        room = np.where(crowded & tight, np.minimum(np.ceil(full), most), most).astype(np.int64)
        group = np.zeros(part.size, np.int64)
        sizes = np.zeros((whole.size, 3), np.float64)
        load = np.zeros(part.size, np.int64)
        load[edges:] = weight
        lonely[:] = length
        kernel(
            order, start, label, part, load, whole, full, room, lonely, group, sizes,
            least, float(far_m),
        )  # fmt: skip
        better = _is_less(sizes, lowest)
        lowest[better] = sizes[better]
        best = np.where(better[part], group, best)
    return best


def _is_less(one: Floats, other: Floats) -> Bools:
    """Compare rows by their first column, then by the second, and so on."""
    less = np.zeros(one.shape[0], np.bool_)
    for column in reversed(range(one.shape[1])):
        a, b = one[:, column], other[:, column]
        less = (a < b) | ((a == b) & less)
    return less


# --- inner loops, compiled by numba --------------------------------------------------


def _first_kernel(parent: Ints, up: Ints, first: Ints) -> None:
    """Give every edge the first premises below it; stubs have theirs."""
    edges = parent.size
    for item in range(edges, up.size):
        if up[item] < edges:
            first[up[item]] = min(first[up[item]], first[item])
    for item in range(edges - 1, -1, -1):
        if up[item] < edges:
            first[up[item]] = min(first[up[item]], first[item])


def _down_kernel(up: Ints, value: Ints, edges: int) -> None:
    """Hand values down from parents to those that have none (-1)."""
    for item in range(up.size):
        if value[item] < 0 and up[item] < edges:
            value[item] = value[up[item]]


def _label_kernel(up: Ints, weight: Ints, label: Ints, below: Ints, changes: Ints) -> None:
    """Choose labels of edges by Hartigan's count; stubs have theirs.

    ``changes`` counts, per edge and label, the branches that may have it without a change:
    the labels that most branches may have are as good as each other. Among these, that of
    the edge above, or else that of the most premises.
    """
    edges, width = below.shape
    for item in range(edges, up.size):
        if up[item] < edges:
            below[up[item], label[item]] += weight[item - edges]
            changes[up[item], label[item]] += 1
    for edge in range(edges - 1, -1, -1):
        above = up[edge]
        if above >= edges:
            continue
        most = changes[edge].max()
        for k in range(width):
            below[above, k] += below[edge, k]
            if changes[edge, k] == most:
                changes[above, k] += 1
    for edge in range(edges):
        above = up[edge]
        most = changes[edge].max()
        if above < edges and changes[edge, label[above]] == most:
            label[edge] = label[above]
            continue
        for k in range(width):
            if changes[edge, k] == most and (
                label[edge] < 0 or below[edge, k] > below[edge, label[edge]]
            ):
                label[edge] = k


def _cut_kernel(  # noqa: PLR0912, PLR0915 - one loop, for speed
    order: Ints,
    start: Ints,
    label: Ints,
    part: Ints,
    load: Ints,
    whole: Floats,
    full: Floats,
    room: Ints,
    lonely: Floats,
    group: Ints,
    sizes: Floats,
    least: int,
    far_m: float,
) -> None:
    """Go from the ends towards existing fibre and cut off what is full or far away.

    ``load`` is what still hangs below each item, ``lonely`` the trench from its beginning
    that passes nobody; ``group`` says what is cut off together at a point, 0 for what stays
    with the edge above. ``sizes`` gets, per part, the number of pieces below ``least``, of
    all pieces, and the sum of their squares.
    """
    edges, sites = lonely.size, start.size - 1
    item = np.empty(order.size, np.int64)
    held = np.empty(order.size, np.int64)
    members = np.empty(order.size, np.int64)
    bin_of = np.empty(order.size, np.int64)
    for turn in range(sites):
        # The points of existing fibre come last.
        site = edges - 1 - turn if turn < edges else turn
        number, size, total, stub = 0, 0, 0, -1
        for place in range(start[site], start[site + 1]):
            one = order[place]
            if site >= edges or label[site] != label[one]:
                # A part ends here.
                number += 1
                group[one] = number
                sizes[part[one], 0] += load[one] < least
                sizes[part[one], 1] += 1
                sizes[part[one], 2] += float(load[one]) * load[one]
                continue
            # Those that go on, the most loaded first; ties as they stand.
            total += load[one]
            if one >= edges:
                stub = one
            k = size
            while k > 0 and load[item[k - 1]] < load[one]:
                item[k] = item[k - 1]
                k -= 1
            item[k] = one
            size += 1
        if size == 0:
            continue
        of = part[site]
        # A full branch, or one far away, is cut off as long as others are left.
        kept = 0
        for k in range(size):
            one = item[k]
            away = False
            if one < edges and total > load[one]:
                away = load[one] >= full[of]
                away |= lonely[one] > far_m and whole[of] - load[one] >= least
            if away:
                number += 1
                group[one] = number
                total -= load[one]
                sizes[of, 0] += load[one] < least
                sizes[of, 1] += 1
                sizes[of, 2] += float(load[one]) * load[one]
            else:
                item[kept] = one
                kept += 1
        size = kept
        # The others go into as few groups as hold them, the largest first.
        bins = max(1, min(size, -(-total // room[of])))
        while True:
            held[:bins] = 0
            members[:bins] = 0
            for k in range(size):
                lowest = 0
                for b in range(1, bins):
                    if held[b] < held[lowest]:
                        lowest = b
                held[lowest] += load[item[k]]
                members[lowest] += 1
                bin_of[k] = lowest
            crowded = False
            for b in range(bins):
                if held[b] > room[of] and members[b] > 1:
                    crowded = True
            if not crowded or bins >= size:
                break
            bins += 1
        # With the edge above stays what hangs at its very end, or else what is least.
        staying = 0
        for b in range(1, bins):
            if held[b] < held[staying]:
                staying = b
        for k in range(size):
            if item[k] == stub:
                staying = bin_of[k]
        for k in range(size):
            if bin_of[k] != staying:
                group[item[k]] = number + 1 + bin_of[k]
            elif start[site + 1] - start[site] == 1 and item[k] < edges:
                lonely[site] += lonely[item[k]]
        for b in range(bins):
            if b != staying:
                sizes[of, 0] += held[b] < least
                sizes[of, 1] += 1
                sizes[of, 2] += float(held[b]) * held[b]
        load[site] = held[staying]
