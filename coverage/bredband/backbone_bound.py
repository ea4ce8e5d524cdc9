"""What no network that joins and secures the same places can cost less than."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from bredband.backbone_graph import reduce_graph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

_UNIT = 1_000_000
"""Capacities are whole numbers of this part of an edge."""

_SHORT = 1e-4
"""A cut that lacks less than this is taken as met."""


def bound_cost(
    size: int,
    tail: Ints,
    head: Ints,
    cost: Floats,
    *,
    root: int,
    node: Ints,
    ways: Ints,
    seconds: float = 10.0,
) -> float:
    """Give a lower bound of the cost of joining places, some of them by two ways.

    A network in which places have two ways can have each of its edges turned one way so
    that every place is reached from the root, and the root from every place with two
    ways (Robbins). The linear program of that: of the two directions of an edge at most
    one in all; every set of nodes that holds a place but not the root is entered by one,
    and left by one where the place has two ways. Cuts are added where a solution lacks
    them; when the time is out, what has been solved is a bound all the same.

    Parameters
    ----------
    size : int
        Number of nodes.
    tail, head : array of int, shape (edges,)
        Ends of the edges that exist or may be dug.
    cost : array of float, shape (edges,)
        Not negative; 0 for existing edges.
    root : int
        What places are joined to.
    node : array of int, shape (places,)
        Their nodes.
    ways : array of int, shape (places,)
        1 or 2; places with 0 are left out.
    seconds : float
        No further round begins after this.

    Returns
    -------
    float
        In the unit of the cost; 0 where nothing is wanted or nothing could be solved.

    References
    ----------
    Robbins, H. E. (1939). A theorem on graphs, with an application to a problem of traffic
    control. American Mathematical Monthly 46, 281-283.
    Chimani, M., Kandyba, M., Ljubić, I., Mutzel, P. (2010). Orientation-based models for
    {0,1,2}-survivable network design: theory and practice. Mathematical Programming 124,
    413-439.
    """
    end = time.monotonic() + seconds
    wanted = (ways > 0) & (node >= 0) & (node != root)
    kept = np.zeros(size, np.bool_)
    kept[node[wanted]] = True
    kept[root] = True
    # All of one kind, so that two roads between the same two nodes both stay.
    small = reduce_graph(tail, head, cost, np.ones(tail.size, np.int64), kept)
    if not wanted.any() or not small.tail.size:
        return 0.0
    need = np.zeros(size, np.int64)
    np.maximum.at(need, node[wanted], ways[wanted])
    nodes, ends = np.unique(np.concatenate([small.tail, small.head]), return_inverse=True)
    u, v = ends.reshape(2, -1)
    cuts = _Cuts(nodes.size, u, v, int(np.searchsorted(nodes, root)), need[nodes])
    program = _open(small.cost)
    for row in cuts.around():
        _add(program, row)
    bound = 0.0
    while True:
        program.run()
        if program.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return bound
        bound = max(bound, float(program.getInfo().objective_function_value))
        if time.monotonic() >= end:
            return bound
        rows = list(cuts.lacking(np.array(program.getSolution().col_value), end))
        if not rows:
            return bound
        for row in rows:
            _add(program, row)


def _open(cost: Floats) -> highspy.Highs:
    """Begin the program: two directions of each edge, at most one of them."""
    count = cost.size
    model = highspy.HighsLp()
    model.num_col_ = 2 * count
    model.num_row_ = count
    model.col_cost_ = np.concatenate([cost, cost])
    model.col_lower_ = np.zeros(2 * count)
    model.col_upper_ = np.ones(2 * count)
    model.row_lower_ = np.full(count, -highspy.kHighsInf)
    model.row_upper_ = np.ones(count)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.arange(0, 2 * count + 1, 2)
    model.a_matrix_.index_ = np.arange(2 * count).reshape(2, -1).T.ravel()
    model.a_matrix_.value_ = np.ones(2 * count)
    program = highspy.Highs()  # type: ignore[no-untyped-call]
    program.silent()
    program.setOptionValue("threads", 1)
    program.passModel(model)
    return program


def _add(program: highspy.Highs, row: Ints) -> None:
    """Demand that one of some directed edges is used."""
    program.addRow(1.0, highspy.kHighsInf, row.size, row.astype(np.int32), np.ones(row.size))


class _Cuts:
    """Cuts between places and the root, each found once; edges v to u come after all u to v."""

    def __init__(self, size: int, u: Ints, v: Ints, top: int, need: Ints) -> None:
        self.size, self.top, self.need = size, top, need
        self.start, self.stop = np.concatenate([u, v]), np.concatenate([v, u])
        self.places = np.flatnonzero(need)
        self.known: set[bytes] = set()

    def around(self) -> Iterator[Ints]:
        """Give the cuts around each place alone."""
        for place in self.places:
            side = np.zeros(self.size, np.bool_)
            side[place] = True
            yield from self._row(~side)
            if self.need[place] > 1:
                yield from self._row(side)

    def lacking(self, used: Floats, end: float) -> Iterator[Ints]:
        """Give cuts that a solution lacks, nearest to the place and nearest to the root."""
        # One part more on every edge finds cuts of few edges.
        room = np.rint(np.maximum(used, 0.0) * _UNIT).astype(np.int32) + 1
        net = sparse.coo_array(
            (room, (self.start, self.stop)), shape=(self.size, self.size)
        ).tocsr()
        for place in self.places:
            if time.monotonic() >= end:
                return
            yield from self._part(net, self.top, int(place))
            if self.need[place] > 1:
                yield from self._part(net, int(place), self.top)

    def _part(self, net: Any, one: int, other: int) -> Iterator[Ints]:
        """Give the cuts between two nodes that let less than one edge through."""
        flow = csgraph.maximum_flow(net, one, other)
        if flow.flow_value >= (1 - _SHORT) * _UNIT:
            return
        left = sparse.csr_array(net - flow.flow)
        left.data = np.maximum(left.data, 0)
        left.eliminate_zeros()
        ahead = csgraph.breadth_first_order(left, one, return_predecessors=False)
        behind = csgraph.breadth_first_order(left.T.tocsr(), other, return_predecessors=False)
        side = np.zeros(self.size, np.bool_)
        side[ahead] = True
        yield from self._row(side)
        side = np.ones(self.size, np.bool_)
        side[behind] = False
        yield from self._row(side)

    def _row(self, side: Bools) -> Iterator[Ints]:
        """Give the directed edges that leave a set of nodes, unless known."""
        row = np.flatnonzero(side[self.start] & ~side[self.stop])
        if row.tobytes() not in self.known:
            self.known.add(row.tobytes())
            yield row
