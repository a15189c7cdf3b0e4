"""Seeded fleets and deployments to measure the planner on, made from the catalog: with a full plan known, or drawn.

`generate(Recipe(...))` gives the values that the planner takes; `python -m tests.benchmarks.instances` writes the same
problem as files. Nothing here plans, and nothing here looks inside the planner: only its candidates are asked.
"""

from tests.benchmarks.instances.generate import Instance, generate
from tests.benchmarks.instances.recipe import Family, Recipe, Shapes, Stock

__all__ = ["Family", "Instance", "Recipe", "Shapes", "Stock", "generate"]
