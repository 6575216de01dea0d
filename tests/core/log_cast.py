"""Who signs in the tests of logs: keys 1, 2, 3, and a log they know."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import strategies as st

from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import CosignerEd25519, CosignerMLDSA44, NoteSigner
from audit_chain.log.note import Note, Signature
from audit_chain.merkle.hashing import leaf_hash
from audit_chain.merkle.memory_log import MemoryLog

ORIGIN = "log.example/one"
NOON = 1_795_348_800
"""2026-11-22T12:00:00Z"""


def ed25519(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))


def mldsa44(number: int) -> MLDSA44PrivateKey:
    return MLDSA44PrivateKey.from_seed_bytes(number.to_bytes(32, "big"))


LOG_SIGNER = NoteSigner(ORIGIN, ed25519(1))
STRANGER = NoteSigner(ORIGIN, ed25519(99))
BANK = CosignerEd25519("bank.example/validator", ed25519(2))
BANK_MLDSA = CosignerMLDSA44("bank.example/validator", mldsa44(2))
COURT = CosignerEd25519("court.example/validator", ed25519(3))
COURT_MLDSA = CosignerMLDSA44("court.example/validator", mldsa44(3))
CHAMBER = CosignerEd25519("chamber.example/validator", ed25519(4))
DAWN, NIGHT = "2026-11-22T06:00:00Z", "2026-11-22T18:00:00Z"
VALIDATORS = [
    ("bank", [(BANK.verifier_key, DAWN, NIGHT), (BANK_MLDSA.verifier_key, DAWN, NIGHT)]),
    ("court", [(COURT.verifier_key, DAWN, NIGHT), (COURT_MLDSA.verifier_key, DAWN, NIGHT)]),
    ("chamber", [(CHAMBER.verifier_key, DAWN, NIGHT)]),
]

TREE = MemoryLog(leaf_hash(b"entry %d" % number) for number in range(20))


def checkpoint(size: int, *, origin: str = ORIGIN) -> LogCheckpoint:
    return LogCheckpoint(origin, size, TREE.root(size))


def signed(
    size: int, *cosigners: CosignerEd25519 | CosignerMLDSA44, signer: NoteSigner = LOG_SIGNER, time: int = NOON
) -> Note:
    """The checkpoint of the tree's first `size` entries, signed by the log and by the cosigners, at noon by default."""
    text = checkpoint(size, origin=signer.name).text()
    return Note(text, (signer.sign(text), *(cosigner.cosign(text, time) for cosigner in cosigners)))


def flipped(signature: Signature) -> Signature:
    """The signature with its last bit changed."""
    blob = signature.blob[:-1] + bytes([signature.blob[-1] ^ 1])
    return Signature(signature.name, signature.key_id, blob)


@st.composite
def near(draw: st.DrawFn, valid: bytes) -> bytes:
    """The valid bytes with one edit: a byte changed, taken out or put in."""
    position = draw(st.integers(0, len(valid) - 1))
    replacement = draw(st.sampled_from([b"", b"\n", b" ", b"A", b"0", b"\x00", b"\xff", b"\n\n", b"\xe2\x80\x94"]))
    return valid[:position] + replacement + valid[position + draw(st.integers(0, 1)) :]


def near_text(valid: str) -> st.SearchStrategy[str]:
    """The valid text with one edit."""
    return near(valid.encode()).map(lambda data: data.decode(errors="replace"))
