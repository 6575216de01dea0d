"""A whole network in one process, decided by one seed: what goes wrong, when, and in which order.

See docs/design/faults.md. `python -m tests.simulator SEED` replays a seed with its trace.
"""
