"""Folders that other programs, and other system users, can work in.

A folder on the way is never opened for others: where an existing folder does not do, a folder of our own under
`/var/tmp` takes its place.
"""

import hashlib
import os
import stat
from pathlib import Path

from apps.launch.errors import LaunchError

# A Unix socket's path has 108 bytes on Linux and 104 elsewhere, the final zero included; the longest name in our
# socket folders is `.s.PGSQL.5432.lock` with 18.
LONGEST_SOCKET_FOLDER = 80  # bytes


def is_reachable_by_others(folder: Path) -> bool:
    """True when every existing folder down to `folder` lets any user pass."""
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents) if path.exists())


def is_short_enough_for_sockets(folder: Path) -> bool:
    return len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER


def outside_folder_path(var_dir: Path) -> Path:
    """Where things go that cannot stay in `var_dir`; always the same for one `var_dir` and user."""
    digest = hashlib.sha256(f"{os.geteuid()}:{var_dir}".encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"tallystick-{digest}"  # noqa: S108  (make_outside_folder checks whose it is)


def make_outside_folder(var_dir: Path) -> Path:
    """The folder at `outside_folder_path`, made if need be, and surely ours."""
    folder = outside_folder_path(var_dir)
    folder.mkdir(mode=0o711, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise LaunchError(f"{folder} exists but is not a folder that only you can write to: remove it and start again.")
    folder.chmod(0o711)  # The umask may have closed it.
    return folder
