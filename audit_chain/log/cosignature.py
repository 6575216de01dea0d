"""Cosignatures: a witness's dated statement about a checkpoint (C2SP tlog-cosignature).

A cosignature is the blob of a signature line: 8 bytes of POSIX time, big-endian, then the raw signature
over one of these messages. The Ed25519 one is text:

    cosignature/v1
    time 1795348861
    tallystick.local/beacon
    7
    JpZOQJ0Lgb4bbXboaby0r1DnNLw+nNfqqSKpC5diSEU=

The ML-DSA-44 one is binary and names the cosigner: "subtree/v1\\n\\0", length and cosigner name, time,
length and origin, start 0, tree size, root.
"""

from audit_chain.encoding import MAX_UINT63
from audit_chain.errors import MalformedCheckpoint, MalformedCosignature
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.note import MAX_NAME_SIZE, Signature

TIMESTAMP_SIZE = 8
ED25519_SIGNATURE_SIZE = 64
MLDSA44_SIGNATURE_SIZE = 2420

_COSIGNATURE_SIZES = (TIMESTAMP_SIZE + ED25519_SIGNATURE_SIZE, TIMESTAMP_SIZE + MLDSA44_SIGNATURE_SIZE)


def ed25519_message(text: str, timestamp: int) -> bytes:
    """What an Ed25519 cosigner signs: header and time line, then the whole note text."""
    return f"cosignature/v1\ntime {_checked_time(timestamp)}\n{text}".encode()


def mldsa44_message(text: str, timestamp: int, *, cosigner: str) -> bytes:
    """What an ML-DSA-44 cosigner signs: the `cosigned_message` of the whole tree, extension lines left out."""
    checkpoint = LogCheckpoint.parse(text)
    return b"".join(
        (
            b"subtree/v1\n\0",
            _length_prefixed(cosigner),
            _uint64(_checked_time(timestamp)),
            _length_prefixed(checkpoint.origin),
            _uint64(0),
            _uint64(checkpoint.size),
            checkpoint.root,
        )
    )


def join_cosignature(timestamp: int, raw: bytes) -> bytes:
    """The blob of a cosignature line."""
    return _uint64(timestamp) + raw


def split_cosignature(blob: bytes, *, signature_size: int) -> tuple[int, bytes]:
    """Time and raw signature of a cosignature's blob."""
    if len(blob) != TIMESTAMP_SIZE + signature_size:
        raise MalformedCosignature("wrong length", expected=TIMESTAMP_SIZE + signature_size, got=len(blob))
    timestamp = int.from_bytes(blob[:TIMESTAMP_SIZE], "big")
    return _checked_time(timestamp), blob[TIMESTAMP_SIZE:]


def timestamp_of(signature: Signature) -> int:
    """POSIX seconds at which the cosigner signed; only meaningful once the signature is verified."""
    size = len(signature.blob)
    if size not in _COSIGNATURE_SIZES:
        raise MalformedCosignature("not a cosignature", expected=" or ".join(map(str, _COSIGNATURE_SIZES)), got=size)
    return split_cosignature(signature.blob, signature_size=size - TIMESTAMP_SIZE)[0]


def _checked_time(timestamp: int) -> int:
    # Zero makes no statement about time; it belongs to subtrees, which no checkpoint shows.
    if not 0 < timestamp <= MAX_UINT63:
        raise MalformedCosignature("impossible time", expected="POSIX seconds, above 0", got=timestamp)
    return timestamp


def _uint64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def _length_prefixed(name: str) -> bytes:
    data = name.encode()
    if not 1 <= len(data) <= MAX_NAME_SIZE:
        raise MalformedCheckpoint(
            "name or origin does not fit an ML-DSA-44 cosignature",
            expected=f"1 to {MAX_NAME_SIZE} bytes",
            got=len(data),
        )
    return bytes([len(data)]) + data
