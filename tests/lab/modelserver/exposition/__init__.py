"""How each engine shows its numbers: one file per engine, pure functions from a reading to text.

Names, types and labels are those of the engines, written down here once; what the numbers are is decided by the queue.
"""
