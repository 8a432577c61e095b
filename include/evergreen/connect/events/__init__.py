"""Starts that events ask for: an event wakes up a run, and the run compares what there is with what was done."""
