"""A mixed-integer program row by row, and HiGHS. Nothing here knows what the rows mean."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import highspy
import numpy as np

INFINITY = highspy.kHighsInf


@dataclass(slots=True)
class Rows:
    """A minimisation over variables from 0 to a limit, with ranged rows."""

    cost: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    is_integer: list[bool] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    indices: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def variable(self, cost: float, upper: float, *, is_integer: bool = False) -> int:
        """Add a variable and return its index."""
        self.cost.append(cost)
        self.upper.append(upper)
        self.is_integer.append(is_integer)
        return len(self.cost) - 1

    def row(self, terms: Iterable[tuple[int, float]], *, low: float = -INFINITY, high: float = INFINITY) -> None:
        """Add ``low ≤ Σ value · variable ≤ high``; every variable at most once."""
        for index, value in terms:
            self.indices.append(index)
            self.values.append(value)
        self.starts.append(len(self.indices))
        self.low.append(low)
        self.high.append(high)


@dataclass(frozen=True, slots=True)
class Minimum:
    """What HiGHS found; no values where it found no solution."""

    values: tuple[float, ...]
    objective: float
    bound: float
    is_optimal: bool


def minimise(rows: Rows, *, seconds: float, gap_fraction: float) -> Minimum:
    """Minimise within the wall-clock seconds, on one thread."""
    if not rows.cost:
        return Minimum((), 0.0, 0.0, is_optimal=True)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(rows.cost), len(rows.low)
    model.col_cost_, model.col_lower_ = np.array(rows.cost), np.zeros(len(rows.cost))
    model.col_upper_ = np.array(rows.upper)
    model.row_lower_, model.row_upper_ = np.array(rows.low), np.array(rows.high)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_, model.a_matrix_.index_ = np.array(rows.starts), np.array(rows.indices)
    model.a_matrix_.value_ = np.array(rows.values)
    kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    model.integrality_ = [kinds[is_integer] for is_integer in rows.is_integer]
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    options = {"output_flag": False, "threads": 1, "random_seed": 0, "time_limit": seconds, "mip_rel_gap": gap_fraction}
    for name, value in options.items():
        solver.setOptionValue(name, value)
    solver.passModel(model)
    solver.run()
    info = solver.getInfo()
    found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    values = tuple(solver.getSolution().col_value) if found else ()
    is_optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return Minimum(values, info.objective_function_value, info.mip_dual_bound, is_optimal)
