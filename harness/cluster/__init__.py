"""The drives of a run on the machines of a Ray cluster (`--ray`): the same drives, the same numbers, more at a time."""
