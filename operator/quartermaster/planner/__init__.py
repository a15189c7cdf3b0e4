"""The planner: a fleet and workloads in, a plan out. Pure: no input or output, no clock, no logging.

Here lie the door, ``planning``, and the nouns that all share: ``fleet``, ``room`` on its hosts, ``candidate``, ``plan``
and what is ``known`` from one plan to the next. The rooms, from the top floor down; each imports only those below it:

    replan       a plan after a change, made from the plan before
    explain      a solution in words: placements, what goes short and why, what one more node is worth
    hosts        plans that fit on hosts: seated replica by replica, tightened where they do not fit
    solver       the cheapest counts of all needs under the limits that they share, with a proven bound
    covers       the cheapest replicas of one need at given prices of the limits, exact; compiled
    posing       a fleet and its workloads as a problem of numbers: offers, limits, needs, columns
    eligibility  every workload judged on every pool: candidates, and why the others are refused
    rules        what may be placed where, by subject; each says what was wanted, what was found and what would help
    throughput   what one replica of a model does on chips: work, memory, queue; measured or from the datasheet
    numerics     what loops and programs stand on: arrays, machine code, cores, HiGHS; no word of plans
"""
