"""Lies for the tests: two histories of one network, and who signed both."""

from collections.abc import Callable
from functools import cache
from hashlib import sha256

import pytest

from audit_chain.beacon.misbehaviour import (
    ConflictingHeads,
    ConflictingVotes,
    Misbehaviour,
    OffenceKind,
    Prefix,
    build_double_vote,
    build_fork,
    build_inconsistent_heads,
    build_surround_vote,
)
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NoteSigner, VerifierKey
from audit_chain.log.note import Note
from audit_chain.testing import NETWORK, START, SUPPLIER, VALIDATORS, ExampleNetwork

LIAR = VALIDATORS[0]
EPOCHS = 6


def grown(*, fork: bytes = b"", voting_until: int = EPOCHS) -> ExampleNetwork:
    """A network of six epochs; one with another file deposited in epoch 1 is a fork of one without."""
    network = ExampleNetwork()
    for epoch in range(EPOCHS + 1):
        if epoch == 1 and fork:
            network.append(network.deposit(sha256(fork).digest()).encode())
        while network.epoch == epoch:
            if epoch > voting_until:
                network._unvoted = None  # the votes are cast, and never included
            network.seal()
    return network


@cache
def honest() -> ExampleNetwork:
    return grown()


@cache
def forked() -> ExampleNetwork:
    return grown(fork=b"another history")


@cache
def stalled() -> ExampleNetwork:
    """A fork in which nothing becomes justified."""
    return grown(fork=b"another history", voting_until=0)


def boundary(network: ExampleNetwork, epoch: int) -> SealedState:
    (size,) = [size for checkpoint, size in network.boundaries.items() if checkpoint.epoch == epoch]
    return network.sealed_state(size)


def liars_key(kind: int = 0) -> VerifierKey:
    return honest().validators[0].key_set.keys[kind]


def double_vote() -> ConflictingVotes:
    return build_double_vote(boundary(honest(), 3), boundary(forked(), 3), key=liars_key())


def surround_vote() -> ConflictingVotes:
    return build_surround_vote(boundary(stalled(), 5), boundary(honest(), 4), key=liars_key())


def two_trees(origin: str, sign: Callable[[str], Note], *, sizes: tuple[int, int]) -> tuple[Note, Note, Prefix | None]:
    """Heads of the honest and the forked log of those sizes, as a log of that origin, and how the second begins."""
    first, second = sizes
    texts = [
        LogCheckpoint(origin, size, network.log.root(size)).text()
        for network, size in ((honest(), first), (forked(), second))
    ]
    prefix = None
    if first != second:
        log = forked().log
        prefix = Prefix(log.root(first), tuple(log.consistency_proof(first, second)))
    return sign(texts[0]), sign(texts[1]), prefix


def cosigned_by(*signers: object, time: int = START) -> Callable[[str], Note]:
    return lambda text: Note(text, tuple(signer.cosign(text, time) for signer in signers))


def signed_by(signer: NoteSigner) -> Callable[[str], Note]:
    return lambda text: Note(text, (signer.sign(text),))


def inconsistent_heads(*, sizes: tuple[int, int] = (21, 27), kind: int = 0, time: int = START) -> ConflictingHeads:
    liar = honest().validators[0]
    signer = (liar.ed25519, liar.mldsa44)[kind]
    first, second, prefix = two_trees(f"{NETWORK}/pool/{SUPPLIER}", cosigned_by(signer, time=time), sizes=sizes)
    return build_inconsistent_heads(first, second, key=signer.verifier_key, prefix=prefix)


def pool_fork(*, sizes: tuple[int, int] = (21, 27)) -> ConflictingHeads:
    signer = honest().pool.signer
    first, second, prefix = two_trees(signer.name, signed_by(signer), sizes=sizes)
    return build_fork(first, second, key=signer.verifier_key, prefix=prefix)


def beacon_fork(*, sizes: tuple[int, int] = (21, 27)) -> ConflictingHeads:
    signer = honest().beacon_signer
    first, second, prefix = two_trees(signer.name, signed_by(signer), sizes=sizes)
    return build_fork(first, second, key=signer.verifier_key, prefix=prefix)


MAKERS: dict[OffenceKind, Callable[[], Misbehaviour]] = {
    OffenceKind.DOUBLE_VOTE: double_vote,
    OffenceKind.SURROUND_VOTE: surround_vote,
    OffenceKind.INCONSISTENT_HEADS: inconsistent_heads,
    OffenceKind.POOL_FORK: pool_fork,
    OffenceKind.BEACON_FORK: beacon_fork,
}
OFFENDERS = {
    OffenceKind.DOUBLE_VOTE: LIAR,
    OffenceKind.SURROUND_VOTE: LIAR,
    OffenceKind.INCONSISTENT_HEADS: LIAR,
    OffenceKind.POOL_FORK: SUPPLIER,
    OffenceKind.BEACON_FORK: f"{NETWORK}/beacon",
}

every_kind = pytest.mark.parametrize("kind", list(OffenceKind))
