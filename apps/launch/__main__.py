"""`python -m apps.launch` starts a whole network on this machine; `make run` calls it."""

import argparse
import os
import signal
import sys
import time

from apps.launch import installation
from apps.launch.console import Console
from apps.launch.errors import LaunchError
from apps.launch.installation import Installation
from apps.launch.network import Network

STOP_WITHIN = 60.0  # seconds


def main() -> int:
    arguments = _parser().parse_args()
    console = Console()
    try:
        place = installation.read()
        network = Network(place, console)
        if arguments.command == "reset":
            return _reset(place, network, console, sure=arguments.yes)
        if arguments.command == "stop":
            return _stop(place, network, console)
        network.run(stop_with_parent=arguments.stop_with_parent)
    except LaunchError as error:
        console.complain(f"\n{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m apps.launch", description="A whole network on this machine.")
    parser.add_argument("--stop-with-parent", action="store_true", help="stop when the process that started this ends")
    commands = parser.add_subparsers(dest="command", metavar="[stop | reset]")
    commands.add_parser("stop", help="stop a network that another process has started")
    reset = commands.add_parser("reset", help="delete the network's data and keys")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _stop(place: Installation, network: Network, console: Console) -> int:
    pid = installation.launcher_pid(place)
    if pid:
        console.say(f"Stopping the network that process {pid} runs")
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN
        while installation.launcher_pid(place) == pid:
            if time.monotonic() > deadline:
                raise LaunchError(f"Process {pid} has not stopped within {STOP_WITHIN:.0f} s.")
            time.sleep(0.1)
    stopped = network.stop_leftovers() or pid
    console.say("Stopped" if stopped else f"Nothing runs in {place.var_dir}")
    return 0


def _reset(place: Installation, network: Network, console: Console, *, sure: bool) -> int:
    if not place.var_dir.exists():
        console.say(f"There is nothing in {place.var_dir}")
        return 0
    if not place.run_dir.is_dir():
        raise LaunchError(f"{place.var_dir} does not look like a network's folder (no run/ in it): not deleted.")
    if not sure:
        console.block(f"This stops the network and deletes {place.var_dir} with all its records and keys, for good.")
        if not sys.stdin.isatty():
            raise LaunchError("Nobody is there to say yes: FORCE=1 make reset does it without asking.")
        if input("Type yes to go on: ").strip() != "yes":
            console.say("Nothing was deleted")
            return 1
    _stop(place, network, console)
    network.remove()
    console.say(f"Deleted {place.var_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
