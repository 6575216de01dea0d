"""`python -m apps.launch.migrate portal beacon validator:NAME`: the tables of these nodes brought up to date.

Each node has its own settings, and a process can have only one. So what all need is imported once, and each node gets
a fork: on two cores that is three times as fast as one `manage.py migrate` after the other.
"""

import os
import sys
from importlib import import_module

import django
from django.core.management import call_command

# What every node's settings lead to; imported before the forks, it is shared by them.
SHARED = (
    "django.db.migrations.executor",
    "django.core.management.commands.migrate",
    "psycopg",
    "httpx",
    "cryptography",
)


def main(targets: list[str]) -> int:
    for module in SHARED:
        import_module(module)
    children = {_fork(target): target for target in targets}
    failed = []
    while children:
        pid, status = os.wait()
        target = children.pop(pid, None)
        if target and status != 0:
            failed.append(target)
    if failed:
        print(f"Not brought up to date: {', '.join(failed)}")
    return 1 if failed else 0


def _fork(target: str) -> int:
    """The process id of the child that migrates the target."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            _migrate(target)
            status = 0
        except Exception as error:  # The only way out of a fork is its exit status.
            print(f"{target}: {type(error).__name__}: {error}", flush=True)
        finally:
            os._exit(status)
    return pid


def _migrate(target: str) -> None:
    node, _, name = target.partition(":")
    os.environ["DJANGO_SETTINGS_MODULE"] = f"apps.config.settings.{node}"
    if name:
        os.environ["VALIDATOR_NAME"] = name
    django.setup()
    call_command("migrate", verbosity=0, skip_checks=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
