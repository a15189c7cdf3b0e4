"""The door to HiGHS: linear programs that grow by columns, and small integer ones. Nothing else imports highspy.

Deterministic: one thread, one seed, and a limit of nodes as the ordinary stop. A limit of time is a safety.
"""

from dataclasses import dataclass

import highspy
import numpy as np

from quartermaster.planner.arrays import Bools, Floats, Ints

INFINITY = float("inf")
PRIMAL_SIMPLEX = 4


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
class Relaxed:
    """A linear program solved."""

    objective: float
    values: Floats
    prices: Floats
    """By row: what the objective would gain if the row's bound gave way by one; never negative for ``≤`` rows."""


class Relaxation:
    """A linear program: minimise over non-negative variables, rows ``lower ≤ … ≤ upper``. Grows by columns."""

    def __init__(self, lower: Floats, upper: Floats) -> None:
        """Begin with rows and no columns."""
        self._solver = _solver()
        self._columns = 0
        count = lower.size
        nothing = np.zeros(0, dtype=np.int32)
        self._solver.addRows(count, lower, upper, 0, np.zeros(count, dtype=np.int32), nothing, np.zeros(0))

    def add(self, cost: Floats, matrix: Matrix) -> None:
        """Add columns between 0 and infinity."""
        count = cost.size
        if not count:
            return
        self._columns += count
        self._solver.addCols(
            count,
            cost,
            np.zeros(count),
            np.full(count, highspy.kHighsInf),
            matrix.row.size,
            matrix.start[:-1].astype(np.int32),
            matrix.row.astype(np.int32),
            matrix.value,
        )

    def charge(self, columns: Ints, cost: Floats) -> None:
        """Change what columns cost."""
        self._solver.changeColsCost(columns.size, columns.astype(np.int32), cost)

    def solve(self) -> Relaxed:
        """Return the optimum, from where the last one was."""
        self._solver.run()
        self._solver.setOptionValue("simplex_strategy", PRIMAL_SIMPLEX)
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            self._solver.clearSolver()
            self._solver.run()
        status = self._solver.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise HighsError(f"wanted an optimum of {self._columns} columns; HiGHS says {status.name}")
        solution = self._solver.getSolution()
        prices = -np.array(solution.row_dual)
        return Relaxed(self._solver.getInfo().objective_function_value, np.array(solution.col_value), prices)


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
class Effort:
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


def choose(choice: Choice, effort: Effort, start: Floats | None = None) -> Chosen:
    """Return the best choice found within the effort; ``start`` is a choice that is known to be possible."""
    solver = _solver()
    solver.setOptionValue("mip_rel_gap", effort.gap_fraction)
    solver.setOptionValue("mip_abs_gap", 1e-7)
    solver.setOptionValue("mip_max_nodes", effort.nodes)
    solver.setOptionValue("time_limit", effort.seconds)
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
