"""`kill -9` of real workers at random moments: every acknowledged document is there exactly once."""

import random
import subprocess
import sys
from pathlib import Path

from data_pool.pool import Pool
from data_pool.search import RecordQuery
from data_pool.storage.postgres import PostgresStorage
from tests.pool.cast import STAFF, invoice, pool_setup, upload

ROOT = Path(__file__).resolve().parents[2]
KILLS = 8


def test_killed_workers_lose_and_double_nothing(pool_database: str, own_storage: PostgresStorage) -> None:
    pool, chance = Pool(pool_setup(own_storage)), random.Random(7)
    numbers = [f"NP-{number}" for number in range(900)]
    # Every document comes in two files of two batches, so that two workers meet over it.
    for start in range(0, len(numbers), 90):
        files = [
            upload(*(invoice(number) for number in numbers[first : first + 3])) for first in range(start, start + 90, 3)
        ]
        pool.stage(files, by=STAFF)
        pool.stage(files[::-1], by=STAFF)

    lives = [f"{chance.uniform(0.2, 0.8):.3f}" for _ in range(KILLS)]
    subprocess.run([sys.executable, "-m", "tests.pool.worker", pool_database, *lives], cwd=ROOT, check=True)

    read = pool.status().records
    while pool.process():
        pass
    pool.seal()
    assert read > 0
    assert sorted(record.number for record in pool.search(RecordQuery(), limit=1_000).items) == sorted(numbers)
    batches = pool.batches(limit=100)
    assert sum(batch.accepted for batch in batches) == len(numbers)
    assert sum(batch.duplicates for batch in batches) == len(numbers)
    assert pool.fsck().problems == []
