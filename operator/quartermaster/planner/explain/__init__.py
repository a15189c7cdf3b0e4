"""A solution in words: placements, what goes short and why, what one more node is worth, how far a plan can grow."""
