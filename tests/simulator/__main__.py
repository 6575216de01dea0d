"""Replays a seed and prints what happened: `python -m tests.simulator SEED [STORY]`."""

import sys

from tests.simulator.judge import PropertyError
from tests.simulator.simulation import Plan, Simulation


def main(arguments: list[str]) -> int:
    """The exit code: 0 where all held, 1 else."""
    simulation = Simulation(Plan.of(int(arguments[0]), story=arguments[1] if len(arguments) > 1 else None))
    problem = None
    try:
        simulation.run()
    except PropertyError as error:
        problem = str(error).partition("\n")[0]
    lines = [*simulation.world.trace, f"trace {simulation.world.digest}", *([problem] if problem else [])]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
