"""The demo accounts and the passwords they began with, in VAR_DIR/sign-ins.json, for its owner's eyes alone."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from apps.launch.cast import CAST
from apps.network.key_files import write_durably

FILE = "sign-ins.json"
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look alike
GROUPS, GROUP_SIZE = 4, 4  # 79 bits


@dataclass(frozen=True, slots=True)
class SignIn:
    organisation: str
    role: str
    email: str
    password: str


def ensure(var_dir: Path) -> list[SignIn]:
    """The sign-ins, made first where there are none: a password is on the disk before an account has it."""
    path = var_dir / FILE
    if not path.exists():
        made = [
            SignIn(member.display_name, role, member.email(person), _password())
            for member in CAST
            for role, person in member.people
        ]
        draft = path.with_suffix(".new")
        write_durably(draft, json.dumps([asdict(sign_in) for sign_in in made], indent=2).encode(), mode=0o600)
        draft.replace(path)
    return read(var_dir)


def read(var_dir: Path) -> list[SignIn]:
    """The sign-ins; none before the demo network was made."""
    try:
        return [SignIn(**item) for item in json.loads((var_dir / FILE).read_text())]
    except FileNotFoundError:
        return []


def _password() -> str:
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(GROUP_SIZE)) for _ in range(GROUPS))
