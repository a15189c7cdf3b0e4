"""A fleet and its workloads as a problem of numbers: offers, limits, needs, columns. Posed, never solved, here."""
