"""`python -m tests.bench [PART ...]` measures, and prints the tables that docs/benchmarks.md explains."""

import os
import platform
import signal
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence

from tests.bench.finality import measure_finality
from tests.bench.proofs import measure_proofs
from tests.bench.scale import measure_scale
from tests.bench.storage import measure_storage

MOST_OF_BOUND = 1.5
PROOF_SECONDS = 0.005
VERIFICATION_SECONDS = 0.001
FINALITY_SECONDS = 10.0
LEAST_WIDTH = 10  # characters of a column

Rows = Iterator[Sequence[str]]
"""Of one or more tables, which empty rows part; the first row of each is its head."""


def scale(pools: Sequence[int], *, per_pool: int) -> Rows:
    """What an epoch costs."""
    yield (
        "pools",
        "validators",
        "signatures",
        "epoch",
        "signatures alone",
        f"ratio (at most {MOST_OF_BOUND})",
        "first epoch",
    )
    for count in pools:
        cost = measure_scale(count, per_pool=per_pool)
        yield (
            str(count),
            str(cost.validators),
            str(cost.warm.signatures),
            f"{cost.warm.epoch:.3f} s",
            f"{cost.warm.bound:.3f} s",
            f"{cost.warm.ratio:.2f}",
            f"{cost.cold.ratio:.2f}",
        )


def proofs(entries: int, *, repeat: int) -> Rows:
    """What proofs from PostgreSQL cost."""
    yield (
        "proof",
        "entries",
        "of 5 ms",
        "median",
        "99th percentile",
        "of 1 ms",
        "verification",
        "largest",
        "empty question",
    )
    for cost in measure_proofs(entries, repeat=repeat):
        yield (
            cost.kind,
            str(cost.entries),
            f"{cost.made_median / PROOF_SECONDS:.2f}",
            _milliseconds(cost.made_median),
            _milliseconds(cost.made_slow),
            f"{cost.verified_median / VERIFICATION_SECONDS:.3f}",
            _milliseconds(cost.verified_median),
            f"{cost.largest} bytes",
            _milliseconds(cost.round_trip),
        )


def finality(validators: Sequence[int], *, entries: int) -> Rows:
    """How long an entry takes to be final."""
    yield (
        "validators",
        "entries",
        "of 10 s",
        "median",
        "longest",
        "processor time of an entry",
        "left by others",
        "memory",
    )
    for count in validators:
        found = measure_finality(count, entries)
        yield (
            str(count),
            str(len(found.seconds)),
            f"{found.median / FINALITY_SECONDS:.2f}",
            f"{found.median:.2f} s",
            f"{max(found.seconds):.2f} s",
            f"{found.work:.2f} s",
            f"{100 * found.share:.0f} %",
            f"{found.memory / 1e6:.0f} MB",
        )


def storage(records: Sequence[int], *, validators: int) -> Rows:
    """What the beacon keeps."""
    few, *others = measure_storage(records, validators=validators)
    yield "records", "of the fewest", "entry", "rows until final       ", "epochs", "an epoch"
    for one in (few, *others):
        yield (
            str(one.records),
            f"{one.entry / few.entry:.3f}",
            f"{one.entry} bytes",
            f"{one.total.count} rows, {one.total.size} B",
            str(one.epochs),
            f"{one.epoch_count:.0f} rows, {one.epoch_size:.0f} B",
        )
    yield ()
    yield "table".ljust(16), *(f"rows and bytes, {one.records} records" for one in (few, *others))
    for table, rows in few.tables.items():
        if rows.count or rows.size:
            yield table, *(f"{one.tables[table].count} rows, {one.tables[table].size} B" for one in (few, *others))


PARTS: dict[str, Callable[[bool], Rows]] = {
    "scale": lambda tiny: scale([1] if tiny else [1, 4, 16, 64], per_pool=8 if tiny else 128),
    "proofs": lambda tiny: proofs(1000 if tiny else 1_000_000, repeat=100 if tiny else 1000),
    "finality": lambda tiny: finality([1] if tiny else [4, 16, 64], entries=1 if tiny else 10),
    "storage": lambda tiny: storage([1, 10] if tiny else [10, 10_000], validators=1 if tiny else 4),
}


def main(arguments: Sequence[str]) -> int:
    parser = ArgumentParser(prog="python -m tests.bench", description="Measures what docs/benchmarks.md explains.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all where none is named")
    parser.add_argument("--tiny", action="store_true", help="small sizes, to see that everything runs")
    options = parser.parse_args(arguments)
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    begin = time.monotonic()
    _print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    for part in options.parts or PARTS:
        _print(f"\n{part}\n")
        _print_tables(PARTS[part](options.tiny))
    _print(f"\n{time.monotonic() - begin:.0f} s")
    return 0


def _print_tables(rows: Rows) -> None:
    """Each row as soon as it is known; an empty one ends a table. The first row of a table says how wide it is."""
    widths: list[int] = []
    for row in rows:
        widths = [max(LEAST_WIDTH, len(cell)) for cell in row] if not (widths and row) else widths
        _print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3f} ms"


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # Networks and servers are stopped on the way out.
    sys.exit(main(sys.argv[1:]))
