"""The text of an API token and what is kept of it.

ts_0Jq3...43 letters of base64url    the token: shown once, carried as `Authorization: Bearer ts_...`
SHA-256 of that text                 what the database keeps
"""

import hashlib
import secrets

PREFIX = "ts_"
TOKEN_BYTES = 32
TOKEN_LENGTH = len(PREFIX) + 43  # ceil(32 * 8 / 6) letters


def token_make() -> str:
    return PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def token_digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def is_token(text: str) -> bool:
    """Whether `text` has the shape of a token; nothing else is looked up."""
    return len(text) == TOKEN_LENGTH and text.startswith(PREFIX) and text.isascii()
