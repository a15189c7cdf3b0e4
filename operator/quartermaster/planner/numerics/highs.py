"""The door to HiGHS: small integer programs. Nothing else imports highspy.

Deterministic: one thread, one seed, and a limit of nodes as the ordinary stop. A limit of time is a safety.
"""

from dataclasses import dataclass

import highspy
import numpy as np

from quartermaster.planner.numerics.arrays import Bools, Floats, Ints

INFINITY = float("inf")


class HighsError(RuntimeError):
    """HiGHS refused a model, or could not solve it: a defect of ours."""


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """A sparse matrix by columns."""

    start: Ints
    """Where the entries of each column begin, and their end."""
    row: Ints
    value: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A program over variables from 0 to ``most``: rows ``lower ≤ … ≤ upper``, cost to be minimised."""

    cost: Floats
    matrix: Matrix
    lower: Floats
    upper: Floats
    most: Floats
    is_integer: Bools


@dataclass(frozen=True, slots=True)
class Stop:
    """When to stop: at a relative gap, after so many nodes, and at the latest after so many seconds."""

    gap_fraction: float
    nodes: int
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The best choice found, and what none can undercut."""

    values: Floats | None
    """None when no choice was found."""
    bound: float


def choose(choice: Choice, stop: Stop, start: Floats | None = None) -> Chosen:
    """Return the best choice found before the stop; ``start`` is a choice that is known to be possible."""
    solver = _solver()
    solver.setOptionValue("mip_rel_gap", stop.gap_fraction)
    solver.setOptionValue("mip_abs_gap", 1e-7)
    solver.setOptionValue("mip_max_nodes", stop.nodes)
    solver.setOptionValue("time_limit", stop.seconds)
    count = choice.cost.size
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = count, choice.lower.size
    lp.col_cost_ = choice.cost
    lp.col_lower_, lp.col_upper_ = np.zeros(count), np.minimum(choice.most, highspy.kHighsInf)
    lp.row_lower_, lp.row_upper_ = choice.lower, choice.upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = choice.matrix.start, choice.matrix.row
    lp.a_matrix_.value_ = choice.matrix.value
    kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    lp.integrality_ = [kinds[is_integer] for is_integer in choice.is_integer.tolist()]
    if solver.passModel(lp) == highspy.HighsStatus.kError:
        raise HighsError(f"HiGHS refused a model of {count} variables and {choice.lower.size} rows")
    if start is not None:
        solver.setSolution(count, np.arange(count, dtype=np.int32), start)
    solver.run()
    info = solver.getInfo()
    if solver.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
        return Chosen(None, INFINITY)
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return Chosen(None, info.mip_dual_bound)
    return Chosen(np.array(solver.getSolution().col_value), info.mip_dual_bound)


def _solver() -> highspy.Highs:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    options: dict[str, bool | int | float | str] = {
        "output_flag": False,
        "threads": 1,
        "parallel": "off",
        "random_seed": 0,
    }
    for name, value in options.items():
        solver.setOptionValue(name, value)
    return solver
