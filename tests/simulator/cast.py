"""Who takes part: keys by number, the entries that found the network, and files to deposit."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256

from audit_chain.beacon.deposit import Deposit
from audit_chain.beacon.entries import Ballot as BallotEntry
from audit_chain.beacon.entries import Evidence, Genesis, Member, Pool, Validator
from audit_chain.beacon.key_set import KeySet
from audit_chain.beacon.motion import Ballot, Motion, Registration
from audit_chain.beacon.names import beacon_origin, member_key_name, pool_origin, validator_key_name
from audit_chain.encoding import from_time
from audit_chain.log.keys import CosignerEd25519, NoteSigner
from audit_chain.log.note import Note
from audit_chain.log.policy import TrustPolicy
from audit_chain.testing import ed25519_key

NETWORK = "sim.example"
START = from_time("2026-11-22T15:40:00Z")
KEYS_FROM = "2026-11-22T00:00:00Z"
KEYS_UNTIL = "2028-11-22T00:00:00Z"
WEIGHT = 32
COURT = "court"
POOLS = ("northwind", "lotus")


@dataclass(frozen=True)
class Operator:
    """A validator's keys: the one that cosigns, and the one that votes on motions."""

    name: str
    index: int

    @cached_property
    def cosigner(self) -> CosignerEd25519:
        return CosignerEd25519(validator_key_name(NETWORK, self.name), ed25519_key(1 + self.index))

    @cached_property
    def key_set(self) -> KeySet:
        return KeySet((self.cosigner.verifier_key,), KEYS_FROM, KEYS_UNTIL)

    @cached_property
    def governance(self) -> NoteSigner:
        return NoteSigner(validator_key_name(NETWORK, self.name), ed25519_key(500 + self.index))

    def ballot(self, motion: Motion) -> Note:
        return Ballot(NETWORK, self.name, motion).sign(self.governance)


@lru_cache
def operators(count: int) -> tuple[Operator, ...]:
    return tuple(Operator(f"bank-{index}", index) for index in range(count))


@lru_cache
def beacon_signer(restarts: int = 0) -> NoteSigner:
    return NoteSigner(beacon_origin(NETWORK, restarts), ed25519_key(100 + restarts))


@lru_cache
def court() -> NoteSigner:
    return NoteSigner(member_key_name(NETWORK, COURT), ed25519_key(200))


@lru_cache
def pool_signer(name: str) -> NoteSigner:
    return NoteSigner(pool_origin(NETWORK, name), ed25519_key(300 + POOLS.index(name)))


def founding(count: int, *, leak: tuple[int, int] | None = None) -> Iterator[bytes]:
    """The first entries. `leak` is the inactivity leak's delay in epochs and its quotient, changed by a motion each."""
    yield Genesis(NETWORK, "consortium", beacon_signer().verifier_key, count).encode()
    for one in operators(count):
        yield Validator(Registration(one.name, one.key_set, one.governance.verifier_key, WEIGHT)).encode()
    yield Member(COURT, court().verifier_key).encode()
    for pool in POOLS:
        yield Pool(pool, COURT, pool_signer(pool).verifier_key).encode()
    names = ("min_epochs_to_inactivity_penalty", "inactivity_penalty_quotient")
    for serial, (name, value) in enumerate(zip(names, leak or (), strict=False)):
        motion = Motion("parameter", 100, serial.to_bytes(8, "big"), {"name": name, "value": value})
        for one in operators(count)[: -(-2 * count // 3)]:
            yield BallotEntry(one.ballot(motion)).encode()


def deposit(number: int) -> bytes:
    """The court's deposit of file `number`."""
    digest = sha256(b"file %d" % number).digest()
    return Evidence(Deposit(NETWORK, COURT, digest).sign(court())).encode()


def policy(count: int, restarts: int) -> TrustPolicy:
    """What a verifier trusts: the beacon's key of every origin so far, and two thirds of the founders."""
    signers = [beacon_signer(number).verifier_key for number in range(restarts + 1)]
    keys = [(one.name, [(one.cosigner.verifier_key, KEYS_FROM, KEYS_UNTIL)]) for one in operators(count)]
    return TrustPolicy.for_network(signers, keys)
