"""A plan after a change, made from the plan before: what nothing has touched stays, few needs are planned again."""
