"""Who takes part: members with a key, and pools with a log, as small as they can be."""

import itertools
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.network.beacon_client import BeaconClient
from apps.network.committee import Committee
from apps.network.errors import Declined
from audit_chain.beacon.deposit import Deposit
from audit_chain.beacon.entries import Member as MemberEntry
from audit_chain.beacon.names import member_key_name, pool_origin
from audit_chain.log.keys import NoteSigner
from audit_chain.log.note import Note
from audit_chain.log.sealed_log import SealedLog
from audit_chain.log.store import MemoryLogStore, Seal
from data_pool.network import Accepted, TreeHead, WrongParent
from tests.nodes.processes import NETWORK, OPERATOR_TOKEN, eventually

_numbers = itertools.count()


def fresh_name(kind: str) -> str:
    return f"{kind}-{next(_numbers)}"


def key_of(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))


class Member:
    def __init__(self, name: str, key: int = 1) -> None:
        self.name = name
        self.signer = NoteSigner(member_key_name(NETWORK, name), key_of(key))

    def register(self, beacon: BeaconClient) -> "Member":
        beacon.register_member(name=self.name, key=str(self.signer.verifier_key), operator_token=OPERATOR_TOKEN)
        eventually(lambda: is_known(lambda: beacon.member(self.name).registered.final))
        return self

    def entry(self) -> bytes:
        """What registers the member."""
        return MemberEntry(self.name, self.signer.verifier_key).encode()

    def deposit(self, digest: bytes) -> bytes:
        return Deposit(NETWORK, self.name, digest).sign(self.signer).render()


class Pool:
    """A pool's log, which grows by meaningless entries."""

    def __init__(self, name: str, key: int = 2) -> None:
        self.name = name
        self.signer = NoteSigner(pool_origin(NETWORK, name), key_of(key))
        self.log = SealedLog(MemoryLogStore(), self.signer)
        self.parent = TreeHead(size=0, root=self.log.root(0))

    def register(self, beacon: BeaconClient, member: Member) -> "Pool":
        key = str(self.signer.verifier_key)
        beacon.register_pool(name=self.name, member=member.name, key=key, operator_token=OPERATOR_TOKEN)
        eventually(lambda: is_known(lambda: beacon.pool(self.name).registered.final))
        return self

    def grow(self, count: int = 3) -> Seal:
        self.log.append([b"%d" % number for number in range(count)])
        seal = self.log.seal("2026-11-22T15:40:00Z")
        assert seal
        return seal

    def cosigned(self, seal: Seal, committee: Committee) -> tuple[int, bytes]:
        """The epoch of the committee, and the checkpoint with its cosignatures."""
        cosigned = committee.cosign(self.signer.name, seal.note, lambda old: self.log.consistency_proof(old, seal.size))
        return cosigned.epoch, Note.parse(seal.note).with_signatures(*cosigned.signatures).render()

    def submit(self, beacon: BeaconClient, cosigned: tuple[int, bytes]) -> Accepted | WrongParent:
        """Hands in a cosigned checkpoint after the latest crosslink."""
        epoch, checkpoint = cosigned
        return beacon.submit_crosslink(pool=self.name, epoch=epoch, parent=self.parent, checkpoint=checkpoint)

    def crosslink(self, beacon: BeaconClient, committee: Committee) -> Accepted | WrongParent:
        """Grows, has the new checkpoint cosigned, and submits it after the latest crosslink."""
        seal = self.grow()
        answer = self.submit(beacon, self.cosigned(seal, committee))
        if isinstance(answer, Accepted):
            self.parent = TreeHead(size=seal.size, root=seal.root)
        return answer


def is_known(question: Callable[[], object]) -> object:
    """The answer, or None while the beacon has none."""
    try:
        return question()
    except Declined as no:
        if no.status != 404:
            raise
        return None
