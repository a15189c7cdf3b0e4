"""The door to HiGHS: a linear program with integers in, values and a proven bound out. Nothing else imports highspy.

Deterministic: one thread, one seed, and a limit of nodes as the ordinary stop. The limit of time is a safety; where it
strikes, the best solution so far comes back with its true bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import highspy
import numpy as np

INFINITY = float("inf")
FEASIBILITY = 1e-6
"""By how much HiGHS may miss a row or an integer (its defaults are the same)."""


class HighsError(RuntimeError):
    """HiGHS refused a model: a defect of ours."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop."""

    gap_fraction: float = 1e-4
    """Good enough where the program is small."""
    large_gap_fraction: float = 4e-3
    """Good enough where it is large, and the last tenths of a percent would take minutes."""
    large_integers: int = 250
    """Integers from which a program is large."""
    nodes: int = 20_000
    large_nodes: int = 60
    seconds: float = 10.0

    def gap(self, integers: int) -> float:
        """Return the gap that is good enough for a program of so many integers."""
        return self.gap_fraction if integers < self.large_integers else self.large_gap_fraction

    def most_nodes(self, integers: int) -> int:
        """Return the nodes of the search tree after which a program of so many integers is given up."""
        return self.nodes if integers < self.large_integers else self.large_nodes


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found; ``values`` is None when no solution was."""

    values: tuple[float, ...] | None
    bound: float
    is_infeasible: bool = False


@dataclass(slots=True)
class Program:
    """A minimisation over bounded variables and ranged rows, built up piece by piece."""

    cost: list[float] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    is_integer: list[bool] = field(default_factory=list)
    row_lower: list[float] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    indices: list[int] = field(default_factory=list)
    coefficients: list[float] = field(default_factory=list)

    def variable(self, *, upper: float = INFINITY, cost: float = 0.0, is_integer: bool = False) -> int:
        """Add a variable from 0 to ``upper`` and return its index."""
        self.cost.append(cost)
        self.lower.append(0.0)
        self.upper.append(upper)
        self.is_integer.append(is_integer)
        return len(self.cost) - 1

    def row(self, terms: Sequence[tuple[int, float]], *, lower: float = -INFINITY, upper: float = INFINITY) -> None:
        """Add ``lower ≤ Σ coefficient · variable ≤ upper``; every variable at most once."""
        self.row_lower.append(lower)
        self.row_upper.append(upper)
        self.indices += [index for index, _ in terms]
        self.coefficients += [coefficient for _, coefficient in terms]
        self.starts.append(len(self.indices))

    def value(self, values: Sequence[float]) -> float:
        """Return the cost of the values."""
        return float(np.dot(self.cost, values))

    def is_feasible(self, values: Sequence[float], *, tolerance: float = FEASIBILITY) -> bool:
        """Whether the values satisfy every bound, row and integrality."""
        x = np.asarray(values)
        if np.any(x < np.asarray(self.lower) - tolerance) or np.any(x > np.asarray(self.upper) + tolerance):
            return False
        whole = x[np.asarray(self.is_integer, dtype=bool)]
        if np.any(np.abs(whole - np.round(whole)) > tolerance):
            return False
        products = np.asarray(self.coefficients) * x[np.asarray(self.indices, dtype=np.int64)]
        sums = np.concatenate(([0.0], np.cumsum(products)))
        ends = np.asarray(self.starts)
        activity = sums[ends[1:]] - sums[ends[:-1]]
        low, high = np.asarray(self.row_lower), np.asarray(self.row_upper)
        slack = tolerance * np.maximum(
            1.0, np.maximum(*(np.abs(np.where(np.isfinite(b), b, 0.0)) for b in (low, high)))
        )
        return bool(np.all(activity >= low - slack) and np.all(activity <= high + slack))


def solve(program: Program, *, limits: Limits, is_known_feasible: bool = False) -> Outcome:
    """Minimise the program.

    No start is handed over: with one, presolve of HiGHS 1.15.1 was seen to cut off the optimum and to call a worse
    solution optimal. Callers compare with what they knew before. Where they know a solution and presolve finds that
    there is none, which it was seen to do within its tolerance, the program is solved again without presolve.
    """
    outcome = _solve(program, limits, presolve="choose")
    if outcome.is_infeasible and is_known_feasible:
        outcome = _solve(program, limits, presolve="off")
    return outcome


def _solve(program: Program, limits: Limits, presolve: str) -> Outcome:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    integers = sum(program.is_integer)
    options: dict[str, bool | int | float | str] = {
        "output_flag": False,
        "threads": 1,
        "parallel": "off",
        "presolve": presolve,
        "random_seed": 0,
        "mip_rel_gap": limits.gap(integers),
        "mip_abs_gap": 1e-7,
        "mip_max_nodes": limits.most_nodes(integers),
        "time_limit": limits.seconds,
    }
    for name, value in options.items():
        solver.setOptionValue(name, value)
    if solver.passModel(_model(program)) == highspy.HighsStatus.kError:
        raise HighsError(f"HiGHS refused a model of {len(program.cost)} variables and {len(program.row_lower)} rows")
    solver.run()
    return _outcome(solver, program)


def _outcome(solver: highspy.Highs, program: Program) -> Outcome:
    if solver.getModelStatus() in {
        highspy.HighsModelStatus.kInfeasible,
        highspy.HighsModelStatus.kUnboundedOrInfeasible,
    }:
        return Outcome(None, INFINITY, is_infeasible=True)
    info = solver.getInfo()
    is_mip = any(program.is_integer)
    bound = info.mip_dual_bound if is_mip else info.objective_function_value
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return Outcome(None, bound)
    return Outcome(tuple(solver.getSolution().col_value), bound)


def _model(program: Program) -> highspy.HighsLp:
    lp = highspy.HighsLp()
    lp.num_col_ = len(program.cost)
    lp.num_row_ = len(program.row_lower)
    lp.col_cost_ = np.array(program.cost)
    lp.col_lower_ = np.array(program.lower)
    lp.col_upper_ = np.minimum(np.array(program.upper), highspy.kHighsInf)
    lp.row_lower_ = np.array(program.row_lower)
    lp.row_upper_ = np.array(program.row_upper)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.array(program.starts)
    lp.a_matrix_.index_ = np.array(program.indices)
    lp.a_matrix_.value_ = np.array(program.coefficients)
    kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    lp.integrality_ = [kinds[is_integer] for is_integer in program.is_integer]
    return lp
