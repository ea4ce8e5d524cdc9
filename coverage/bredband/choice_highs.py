"""HiGHS, quiet and on one thread: programmes from arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import highspy
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    Floats = NDArray[np.float64]

SEED: Final = 1
NODES: Final = 1000
"""Where the search is stopped even so: the same on every machine, unlike the seconds."""
_TOLERANCE: Final = 1e-9


class Solved(NamedTuple):
    """What HiGHS found."""

    x: Floats | None
    """The best solution; None where it has none."""
    bound: float
    """No solution is worth more; minus infinity where there is none."""


def quiet() -> highspy.Highs:
    """Give a solver that writes nothing and always does the same."""
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.silent()
    for name, value in (
        ("output_flag", False),
        ("threads", 1),
        ("parallel", "off"),
        ("random_seed", SEED),
        ("mip_max_nodes", NODES),
    ):
        solver.setOptionValue(name, value)
    return solver


def maximise(
    worth: Floats,
    matrix: sparse.csr_array,
    most: Floats,
    *,
    flows: int = 0,
    start: Floats | None = None,
    time_limit: float = np.inf,
    near: float = 0.0,
) -> Solved:
    """Solve max worth·x, matrix·x ≤ most, x zero or one.

    Parameters
    ----------
    worth : array of float, shape (columns,)
        What each column gives.
    matrix : sparse array, shape (rows, columns)
        The rows.
    most : array of float, shape (rows,)
        Their bounds.
    flows : int
        How many columns, the last ones, are any number of 0 or more instead.
    start : array of float, shape (columns,), optional
        A solution to begin with; flows are worked out.
    time_limit : float
        Seconds.
    near : float
        It stops when the bound is no more than this above the value.
    """
    solver = quiet()
    rows, columns = matrix.shape
    program = highspy.HighsLp()
    program.num_col_ = columns
    program.num_row_ = rows
    program.sense_ = highspy.ObjSense.kMaximize
    program.col_cost_ = worth
    program.col_lower_ = np.zeros(columns)
    program.col_upper_ = np.r_[np.ones(columns - flows), np.full(flows, highspy.kHighsInf)]
    program.row_lower_ = np.full(rows, -highspy.kHighsInf)
    program.row_upper_ = most
    program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    program.a_matrix_.start_ = matrix.indptr
    program.a_matrix_.index_ = matrix.indices
    program.a_matrix_.value_ = matrix.data
    whole, any_number = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
    program.integrality_ = [whole] * (columns - flows) + [any_number] * flows
    solver.setOptionValue("mip_rel_gap", 0.0)
    solver.setOptionValue("mip_abs_gap", max(near, _TOLERANCE))
    solver.setOptionValue("mip_feasibility_tolerance", _TOLERANCE)
    solver.setOptionValue("primal_feasibility_tolerance", _TOLERANCE)
    if np.isfinite(time_limit):
        solver.setOptionValue("time_limit", max(float(time_limit), 0.01))
    solver.passModel(program)
    if start is not None:
        given = highspy.HighsSolution()
        given.col_value = start.tolist()
        solver.setSolution(given)
    solver.run()
    if solver.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
        return Solved(None, -np.inf)
    info = solver.getInfo()
    found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    x = np.array(solver.getSolution().col_value) if found else None
    return Solved(x, info.mip_dual_bound)
