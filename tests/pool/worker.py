"""Workers that are killed: `python -m tests.pool.worker DATABASE_URL SECONDS...`.

For each number, two processes read and seal the pool until they are killed (SIGKILL) after so many seconds. They are
forks of this process, which has imported everything, so that they get to work at once.
"""

import os
import signal
import sys
import time

from data_pool.pool import Pool
from data_pool.storage.postgres import PostgresStorage
from tests.pool.cast import pool_setup

WORKERS = 2


def work(url: str) -> None:
    pool = Pool(pool_setup(PostgresStorage(url)))
    while True:
        if not pool.process(limit=5):
            time.sleep(0.001)
        pool.seal()


def start(url: str) -> int:
    """The process id of a new worker."""
    pid = os.fork()
    if pid == 0:
        try:
            work(url)
        finally:
            os._exit(1)
    return pid


def main(url: str, lives: list[float]) -> None:
    for seconds in lives:
        workers = [start(url) for _ in range(WORKERS)]
        time.sleep(seconds)
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
            if os.waitpid(pid, 0)[1] != signal.SIGKILL:
                sys.exit("a worker ended by itself")


if __name__ == "__main__":
    main(sys.argv[1], [float(argument) for argument in sys.argv[2:]])
