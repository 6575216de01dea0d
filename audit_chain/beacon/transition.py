"""State transition of the beacon: entries in, new state out, the same for everybody who reads the log.

`process_` changes the state or raises InvalidEntry; `get_` reads it; `is_` and `compute_` (in `beacon.state`) know
nothing of it. In the manner of ethereum/consensus-specs, phase 0.
"""

from collections.abc import Sequence

from audit_chain.beacon.entries import (
    Crosslink,
    Entry,
    Evidence,
    Genesis,
    GenesisValidator,
    Member,
    Pool,
    Seal,
    parse_entry,
)
from audit_chain.beacon.names import member_key_name, pool_origin
from audit_chain.beacon.state import (
    CurrentCrosslink,
    DepositRecord,
    LatestSeal,
    Overlay,
    RegisteredMember,
    RegisteredPool,
    State,
    compute_evidence_key,
    compute_total_weight,
    get_committee,
    get_crosslink,
    get_deposits,
    get_latest_seal,
    get_member,
    get_network,
    get_pool,
    is_supermajority,
)
from audit_chain.encoding import from_time
from audit_chain.errors import (
    AlreadyDeposited,
    AlreadyRegistered,
    InsufficientWeight,
    InvalidCrosslink,
    InvalidDeposit,
    InvalidGenesis,
    InvalidRegistration,
    InvalidSeal,
    InvalidSignature,
    WrongParent,
)
from audit_chain.log.keys import COSIGN_ED25519, VerifierKey
from audit_chain.log.note import Note, verified_signatures


def process_entry(state: State, entry: bytes, index: int) -> None:
    """Takes the log's entry at `index` into the state: all that it says, or nothing and an error.

    Raises MalformedEntry for bytes that are no entry and InvalidEntry for one that the state does not let in.
    """
    changed = Overlay(state)
    process_parsed_entry(changed, parse_entry(entry), index)
    changed.commit()


def process_parsed_entry(state: State, entry: Entry, index: int) -> None:
    """As `process_entry`, for an entry that has been read; a state that raised must be thrown away."""
    if (index == 0) != isinstance(entry, Genesis):
        raise InvalidGenesis("entry 0 is the genesis, and no other entry is", got=f"{entry.TYPE} at {index}")
    match entry:
        case Genesis():
            process_genesis(state, entry)
        case Member():
            process_member(state, entry, index)
        case Pool():
            process_pool(state, entry, index)
        case Crosslink():
            process_crosslink(state, entry, index)
        case Evidence():
            process_evidence(state, entry, index)
        case Seal():
            process_seal(state, entry, index)


def process_genesis(state: State, genesis: Genesis) -> None:
    if "network" in state:
        raise InvalidGenesis("a log has one genesis", expected="an empty state", got=get_network(state))
    validators = [validator.to_json() for validator in genesis.validators]
    state["network"] = {"name": genesis.network, "validators": validators}


def process_member(state: State, member: Member, index: int) -> None:
    _check_registration(state, "member", member.name, member.key, member_key_name(get_network(state), member.name))
    state[f"member/{member.name}"] = RegisteredMember(member.name, member.key, index).to_json()


def process_pool(state: State, pool: Pool, index: int) -> None:
    get_member(state, pool.member)
    _check_registration(state, "pool", pool.name, pool.key, pool_origin(get_network(state), pool.name))
    state[f"pool/{pool.name}"] = RegisteredPool(pool.name, pool.member, pool.key, index).to_json()


def process_crosslink(state: State, crosslink: Crosslink, index: int) -> None:
    pool = get_pool(state, crosslink.pool)
    current = get_crosslink(state, crosslink.pool)
    committee = get_committee(state, crosslink.pool)
    checkpoint = crosslink.checkpoint
    origin = pool_origin(get_network(state), pool.name)

    if checkpoint.origin != origin:
        raise InvalidCrosslink("the checkpoint is of another log", expected=origin, got=checkpoint.origin)
    if crosslink.parent != current.as_parent:
        raise WrongParent("the crosslink follows another tree", expected=current.as_parent, got=crosslink.parent)
    if checkpoint.size <= current.size:
        raise InvalidCrosslink("the pool's log has not grown", expected=f"above {current.size}", got=checkpoint.size)

    _check_signature_lines(crosslink.note, pool.key, committee)
    verify_pool_signature(crosslink.note, pool.key)
    weight, total = compute_cosigned_weight(crosslink.note, committee), compute_total_weight(committee)
    if not is_supermajority(weight, total):
        raise InsufficientWeight("too few of the committee cosigned", expected=f"two thirds of {total}", got=weight)

    state[f"crosslink/{pool.name}"] = CurrentCrosslink(checkpoint.size, checkpoint.root, index).to_json()


def process_evidence(state: State, evidence: Evidence, index: int) -> None:
    deposit = evidence.deposit
    member = get_member(state, deposit.member)
    deposits = get_deposits(state, deposit.digest)

    if deposit.network != get_network(state):
        raise InvalidDeposit("deposited on another network", expected=get_network(state), got=deposit.network)
    if any(earlier.member == deposit.member for earlier in deposits):
        raise AlreadyDeposited("the member deposited this file before", got=deposit.member)
    if len(evidence.note.signatures) != 1:
        raise InvalidDeposit("a deposit has one signature", expected=1, got=len(evidence.note.signatures))
    try:
        verified_signatures(evidence.note, [member.key])
    except InvalidSignature as error:
        raise InvalidDeposit(f"the deposit is not signed by the member ({error})") from None

    records = (*deposits, DepositRecord(deposit.member, index))
    state[compute_evidence_key(deposit.digest)] = [record.to_json() for record in records]


def process_seal(state: State, seal: Seal, index: int) -> None:
    get_network(state)  # a log begins with its genesis
    latest = get_latest_seal(state)
    if seal.previous != latest.index:
        raise InvalidSeal("the seal does not name the one before it", expected=latest.index, got=seal.previous)
    if seal.slot <= latest.slot:
        raise InvalidSeal("the seal's slot has passed", expected=f"more than {latest.slot}", got=seal.slot)
    if latest.time is not None and from_time(seal.time) < from_time(latest.time):
        raise InvalidSeal("the seal is older than the one before it", expected=f"{latest.time} or later", got=seal.time)
    state["slot"] = LatestSeal(slot=seal.slot, index=index, time=seal.time).to_json()


def verify_pool_signature(note: Note, key: VerifierKey) -> None:
    """Nothing, where the pool's key signed the note; InvalidCrosslink else."""
    try:
        verified_signatures(note, [key])
    except InvalidSignature as error:
        raise InvalidCrosslink(f"the checkpoint is not signed by the pool ({error})") from None


def compute_cosigned_weight(note: Note, committee: Sequence[GenesisValidator]) -> int:
    """Weight of the validators whose Ed25519 cosignature the note carries; InvalidCrosslink for a bad one."""
    weights = {_ed25519_key(validator): validator.weight for validator in committee}
    if not any(_is_by(signature_key, note) for signature_key in weights):
        return 0
    try:
        return sum(weights[key] for key, _ in verified_signatures(note, weights))
    except InvalidSignature as error:
        raise InvalidCrosslink(f"a cosignature does not hold ({error})") from None


def compute_crosslink_note(note: Note, pool: VerifierKey, committee: Sequence[GenesisValidator]) -> Note:
    """The note as a crosslink carries it: the pool's line, then one Ed25519 line of each validator that cosigned.

    Nothing is verified here. Lines of other keys, and the large ML-DSA-44 ones, stay with the pool.
    """
    lines = {(line.name, line.key_id): line for line in reversed(note.signatures)}
    keys = [pool, *map(_ed25519_key, committee)]
    return Note(note.text, tuple(lines[identity] for key in keys if (identity := (key.name, key.key_id)) in lines))


def _check_registration(state: State, kind: str, name: str, key: VerifierKey, key_name: str) -> None:
    if f"{kind}/{name}" in state:
        raise AlreadyRegistered(f"the name of a {kind} is taken", got=name)
    if key.name != key_name:
        raise InvalidRegistration(f"the key is not named after the {kind}", expected=key_name, got=key.name)


def _check_signature_lines(note: Note, pool: VerifierKey, committee: Sequence[GenesisValidator]) -> None:
    # Free text has no way onto the beacon: each line is of a known key, in the one order.
    if note != compute_crosslink_note(note, pool, committee):
        expected = "the pool's line, then one Ed25519 line of each validator in the order of genesis"
        raise InvalidCrosslink("the note has other lines", expected=expected, got=f"{len(note.signatures)} lines")


def _ed25519_key(validator: GenesisValidator) -> VerifierKey:
    return next(key for key in validator.keys if key.kind == COSIGN_ED25519)


def _is_by(key: VerifierKey, note: Note) -> bool:
    return any((line.name, line.key_id) == (key.name, key.key_id) for line in note.signatures)
