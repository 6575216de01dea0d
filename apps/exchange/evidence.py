"""Evidence: digests of files that members put on the shared chain, and the proof of it for whoever has the file."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from apps.accounts.actor import Actor
from apps.accounts.errors import Conflict, NotFound, TryLater, WrongInput
from apps.accounts.roles import Role
from apps.accounts.selectors import organisation_names
from apps.exchange.models import Deposit
from apps.exchange.network import beacon, network_file
from apps.exchange.state import StateProof, state_proof_if_final
from apps.network.beacon_api import Deposit as DepositOnChain
from apps.network.errors import NetworkFileInvalid
from apps.network.key_files import read_key
from audit_chain.beacon.deposit import DIGEST_SIZE
from audit_chain.beacon.deposit import Deposit as SignedDeposit
from audit_chain.beacon.names import member_key_name
from audit_chain.encoding import from_hex
from audit_chain.errors import Malformed
from audit_chain.log.keys import NoteSigner
from audit_chain.proof.builder import evidence_bundle


class NotFinalYet(Conflict):
    code = "not_final_yet"


@dataclass(frozen=True, slots=True)
class Finding:
    """One deposit of a file, as the shared chain tells it."""

    member: str
    display_name: str
    index: int
    block: int
    time: datetime
    final: bool


def digest_read(text: str) -> bytes:
    """The digest that a person or program gave: 64 hexadecimal digits, spaces and capitals allowed."""
    compact = "".join(text.split()).lower()
    try:
        digest = from_hex(compact)
    except Malformed as error:
        raise WrongInput("A SHA-256 fingerprint has 64 digits, 0 to 9 and a to f.", where="sha256") from error
    if len(digest) != DIGEST_SIZE:
        raise WrongInput(f"A SHA-256 fingerprint has 64 digits; this has {len(compact)}.", where="sha256")
    return digest


@dataclass(frozen=True, slots=True)
class Answer:
    """Every deposit of a file, the earliest first; `state` proves what the chain's latest final state says of it.

    It is None while nothing is final.
    """

    deposits: tuple[Finding, ...]
    state: StateProof | None


def evidence_answer(*, digest: bytes) -> Answer:
    """What the chain knows of the file with this digest, with proof. Anybody may ask who knows the digest."""
    with beacon() as chain:
        found = chain.lookup(digest.hex())
    return Answer(_findings(found.deposits), state_proof_if_final(found.sealed))


def evidence_find(*, digest: bytes) -> tuple[Finding, ...]:
    """Every deposit of the file with this digest, earliest first. Anybody may ask who knows the digest."""
    with beacon() as chain:
        return _findings(chain.deposits(digest.hex()))


def evidence_state(*, digest: bytes) -> StateProof:
    """The proof of what the latest final state says of the digest: its deposits, or that there is none."""
    proof = evidence_answer(digest=digest).state
    if proof is None:
        raise NotFinalYet("Nothing on the shared chain is final yet, so nothing can be proven. Ask again soon.")
    return proof


def _findings(deposits: Iterable[DepositOnChain]) -> tuple[Finding, ...]:
    deposits = tuple(deposits)
    names = organisation_names() if deposits else {}
    return tuple(
        Finding(
            member=deposit.member,
            display_name=names.get(deposit.member, deposit.member),
            index=deposit.index,
            block=deposit.block,
            time=datetime.fromisoformat(deposit.time),
            final=deposit.final,
        )
        for deposit in deposits
    )


def evidence_proof(*, digest: bytes, index: int) -> bytes:
    """The bundle that proves the deposit at `index`. It takes the digest too: nobody can walk through deposits."""
    found = next((finding for finding in evidence_find(digest=digest) if finding.index == index), None)
    if found is None:
        raise NotFound("This file was not deposited there.")
    return finding_proof(found)


def finding_proof(found: Finding) -> bytes:
    """The bundle for one deposit. NotFinalYet until enough validators have signed the block."""
    with beacon() as chain:
        registered = chain.member(found.member).registered.index
        sealed = chain.block(found.block).block.size - 1
        evidence, registration, seal = (
            chain.proof(index, every_key=True) for index in (found.index, registered, sealed)
        )
    if evidence is None or registration is None or seal is None:
        raise NotFinalYet("The deposit is not final yet: validators are still signing. Ask again in a few seconds.")
    return evidence_bundle(evidence=evidence, registration=registration, seal=seal)


def evidence_deposit(*, actor: Actor, digest: bytes) -> Deposit:
    """The deposit, accepted by the shared chain. Depositing the same file again changes nothing.

    Stopped after the chain has it and before our row is there, the next attempt finds it there and adds the row.
    """
    actor.require(Role.STAFF)
    note = SignedDeposit(network_file().network, actor.organisation.name, digest).sign(_signer(actor.organisation.name))
    with beacon() as chain:
        chain.submit_evidence(note.render())
    deposit, _ = Deposit.objects.get_or_create(organisation=actor.organisation, digest=digest)
    return deposit


def _signer(member: str) -> NoteSigner:
    path = settings.VAR_DIR / "keys" / "members" / f"{member}.pem"
    try:
        key = read_key(path, Ed25519PrivateKey)
    except NetworkFileInvalid as error:
        raise TryLater("This organisation has no key on the shared chain yet, so it cannot deposit.") from error
    return NoteSigner(member_key_name(network_file().network, member), key)
