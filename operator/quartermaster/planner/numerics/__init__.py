"""What loops and programs stand on: arrays, machine code and where it is kept, cores, HiGHS. No word of plans."""
