"""Other ways of planning a fleet, written from their papers and documents, to compare the planner with.

Each takes the same fleet, workloads and candidates and gives counts on real nodes. None of them is part of the product.
"""
