"""Follows a beacon's finality, and keeps nothing but the latest trusted checkpoint in a file.

    python -m apps.light_client --policy policy.txt --state trusted.json --beacon http://127.0.0.1:8100

Where the file is not there yet, the policy says what to trust. Exit code 0: the file holds the latest final checkpoint.
1: refuted, and why; the file is as it was. 2: no answer, or unreadable.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from apps.light_client.following import begin_from, follow
from apps.network.beacon_client import BeaconClient
from apps.network.errors import NetworkError
from audit_chain.errors import Invalid, Malformed
from audit_chain.log.policy import TrustPolicy
from audit_chain.proof.light_client import TrustedCheckpoint

FOLLOWED, REFUTED, UNABLE = 0, 1, 2
DAY = 24 * 60 * 60


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of one run."""
    options = _parser().parse_args(arguments)
    beacon = BeaconClient(options.beacon)
    try:
        trusted = _step(options, beacon)
    except Invalid as error:
        print(f"REFUTED. {error}", file=sys.stderr)
        return REFUTED
    except (Malformed, NetworkError, OSError) as error:
        print(f"No answer, or nothing to begin with: {error}", file=sys.stderr)
        return UNABLE
    finally:
        beacon.close()
    print(f"{trusted.network}: epoch {trusted.epoch} is final, {trusted.size} entries, root {trusted.root.hex()}")
    return FOLLOWED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m apps.light_client", description="Follows a beacon's finality.")
    parser.add_argument("--beacon", required=True, metavar="URL", help="the beacon to ask")
    parser.add_argument("--state", required=True, metavar="FILE", type=Path, help="the trusted checkpoint")
    parser.add_argument("--policy", metavar="POLICY", type=Path, help="whom to trust where FILE is not there yet")
    parser.add_argument("--max-age", metavar="DAYS", type=float, default=14, help="how old FILE may be (14)")
    return parser


def _step(options: argparse.Namespace, beacon: BeaconClient) -> TrustedCheckpoint:
    if options.state.exists():
        trusted = TrustedCheckpoint.parse(options.state.read_bytes())
        latest = follow(beacon, trusted, now=int(time.time()), max_age=int(options.max_age * DAY))
    elif options.policy is None:
        raise FileNotFoundError(f"{options.state} is not there, and no policy says what to trust")
    else:
        latest = begin_from(beacon, TrustPolicy.parse(options.policy.read_bytes()))
    _replace(options.state, latest.encode())
    return latest


def _replace(path: Path, data: bytes) -> None:
    """A stop anywhere leaves the old file or the new one."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


if __name__ == "__main__":
    sys.exit(main())
