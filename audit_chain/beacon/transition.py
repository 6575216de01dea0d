"""State transition of the beacon: entries in, new state and root out, the same for everybody who reads the log.

`process_` changes the state or raises InvalidEntry before it has changed anything; `get_` reads it; `is_` and
`compute_` know nothing of it. In the manner of ethereum/consensus-specs: phase 0 for validators and votes, v0.8 for
crosslinks. The order of this file is the order in which an entry is taken.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from audit_chain.beacon.casper.accessors import (
    get_current_epoch,
    get_previous_epoch,
    is_active_validator,
    is_slashable_validator,
)
from audit_chain.beacon.casper.attesting import record_votes
from audit_chain.beacon.casper.containers import FAR_FUTURE_EPOCH, Epoch, ValidatorIndex
from audit_chain.beacon.casper.epoch import process_slot_advance
from audit_chain.beacon.casper.genesis import initialize
from audit_chain.beacon.casper.registry import add_validator, initiate_validator_exit, reactivate_validator
from audit_chain.beacon.casper.slashing import slash_validator
from audit_chain.beacon.casper_state import load_boundaries, store_boundaries
from audit_chain.beacon.entries import (
    Attestation,
    Ballot,
    Crosslink,
    Entry,
    Evidence,
    Genesis,
    Member,
    Pool,
    Restart,
    Rotation,
    Seal,
    Slashing,
    Validator,
    parse_entry,
)
from audit_chain.beacon.key_set import KeySet, parse_key
from audit_chain.beacon.misbehaviour import Offence, OffenceKind, verify_misbehaviour
from audit_chain.beacon.motion import Motion, Registration
from audit_chain.beacon.names import beacon_origin, member_key_name, pool_origin, validator_key_name
from audit_chain.beacon.state import (
    FIXED_PARAMETERS,
    CurrentCrosslink,
    CurrentLog,
    DepositRecord,
    LatestSeal,
    MotionRecord,
    Network,
    RegisteredMember,
    RegisteredPool,
    RegisteredValidator,
    State,
    compute_evidence_key,
    get_beacon_origin,
    get_committee,
    get_crosslink,
    get_deposits,
    get_effective_weight,
    get_latest_seal,
    get_log,
    get_member,
    get_motion,
    get_network,
    get_next_index,
    get_pool,
    get_pool_count,
    get_preset,
    get_seal_entry,
    get_total_weight,
    get_validator,
    get_validators_at,
    is_founded,
    is_supermajority,
    next_origin,
)
from audit_chain.encoding import from_base64, from_time, to_hex
from audit_chain.errors import (
    AlreadyDeposited,
    AlreadyRegistered,
    InsufficientWeight,
    InvalidAttestation,
    InvalidBallot,
    InvalidCrosslink,
    InvalidDeposit,
    InvalidEntry,
    InvalidGenesis,
    InvalidMotion,
    InvalidRegistration,
    InvalidRestart,
    InvalidSeal,
    InvalidSignature,
    InvalidSlashing,
    MalformedCosignature,
    StateMismatch,
    Suspended,
    UnknownOrigin,
    UnknownValidator,
    WrongParent,
)
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.cosignature import timestamp_of
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note, Signature, verified_signatures
from audit_chain.merkle.hashing import leaf_hash


def process_entry(state: State, entry: bytes, index: int) -> None:
    """Takes the log's entry at `index` into the state.

    Raises MalformedEntry for bytes that are no entry and InvalidEntry for one that the state does not let in, with
    nothing changed; except StateMismatch, after which the state is to be thrown away.
    """
    process_parsed_entry(state, parse_entry(entry), entry, index)


def process_parsed_entry(state: State, entry: Entry, data: bytes, index: int) -> None:
    """As `process_entry`, for an entry that has been read from those bytes."""
    process_latest_seal(state)
    if index != get_next_index(state):
        raise InvalidEntry("entries come in order", expected=get_next_index(state), got=index)
    _check_founding(state, entry, index)
    match entry:
        case Genesis():
            process_genesis(state, entry)
        case Validator():
            process_validator(state, entry, index)
        case Member():
            process_member(state, entry, index)
        case Pool():
            process_pool(state, entry, index)
        case Crosslink():
            process_crosslink(state, entry, index)
        case Attestation():
            process_attestation(state, entry)
        case Evidence():
            process_evidence(state, entry, index)
        case Slashing():
            process_slashing(state, entry, index)
        case Ballot():
            process_ballot(state, entry, index)
        case Rotation():
            process_rotation(state, entry)
        case Restart():
            process_restart(state, entry, index)
        case Seal():
            process_seal(state, entry, index)
            return  # Its own hash is not in the state that it commits to: `process_latest_seal` adds it.
    state.tree.append(leaf_hash(data))


# Blocks


def process_latest_seal(state: State) -> None:
    """Adds the latest seal to the frontier, once, and keeps the root there if its block began an epoch."""
    latest = get_latest_seal(state)
    if latest.index is None or state.tree.size != latest.index:
        return
    seal = get_seal_entry(state)
    if seal is None:
        return
    state.tree.append(leaf_hash(seal.encode()))
    preset = state.casper.preset
    if latest.slot % preset.slots_per_epoch == 0:
        epoch = Epoch(latest.slot // preset.slots_per_epoch)
        boundaries = load_boundaries(state)
        kept = {epoch - 1: boundaries[Epoch(epoch - 1)]} if epoch - 1 in boundaries else {}
        boundary = state.tree.size, state.tree.root()
        store_boundaries(state, {**{Epoch(earlier): value for earlier, value in kept.items()}, epoch: boundary})
        state.casper.boundary_roots[epoch] = boundary[1]


def process_seal(state: State, seal: Seal, index: int) -> None:
    latest = get_latest_seal(state)
    if seal.previous != latest.index:
        raise InvalidSeal("the seal does not name the one before it", expected=latest.index, got=seal.previous)
    if seal.slot != latest.slot + 1:
        raise InvalidSeal("slots follow one another", expected=latest.slot + 1, got=seal.slot)
    if latest.time is not None and from_time(seal.time) < from_time(latest.time):
        raise InvalidSeal("the seal is older than the one before it", expected=f"{latest.time} or later", got=seal.time)
    _end_block(state, LatestSeal(slot=seal.slot, index=index, previous=seal.previous, time=seal.time))
    if state.root() != seal.state:
        raise StateMismatch(
            "the seal commits to another state",
            expected=to_hex(state.root()),
            got=to_hex(seal.state),
            subroots=state.subroots(),
        )


def compute_seal(state: State, *, time: str) -> Seal:
    """The seal that ends the block, its effects taken into the state: for whoever writes the log."""
    process_latest_seal(state)
    if not is_founded(state):
        raise InvalidGenesis("a network has its validators before its first block", expected="all", got="too few")
    latest = get_latest_seal(state)
    _end_block(state, LatestSeal(slot=latest.slot + 1, index=get_next_index(state), previous=latest.index, time=time))
    return Seal(slot=latest.slot + 1, time=time, previous=latest.index, state=state.root())


def _end_block(state: State, seal: LatestSeal) -> None:
    process_slot_advance(state.casper)
    state["slot"] = seal.to_json()


# Founding


def process_genesis(state: State, genesis: Genesis) -> None:
    if genesis.key.name != beacon_origin(genesis.network):
        expected = beacon_origin(genesis.network)
        raise InvalidGenesis("the key is not named after the beacon", expected=expected, got=genesis.key.name)
    state["network"] = Network(genesis.network, genesis.preset, genesis.validators).to_json()
    state["log"] = CurrentLog(genesis.key, restarts=0, since=0).to_json()


def process_validator(state: State, validator: Validator, index: int) -> None:
    registration = validator.registration
    _check_registration(state, registration)
    _register(state, registration, ValidatorIndex(index - 1), index)
    if index == get_network(state).validators:
        founders = get_validators_at(state, range(index))
        state.casper = initialize(get_preset(state), [one.weight for one in founders], state.tree.root())


# Members and pools


def process_member(state: State, member: Member, index: int) -> None:
    _check_named_key(state, "member", member.name, member.key, member_key_name(get_network(state).name, member.name))
    state[f"member/{member.name}"] = RegisteredMember(member.name, member.key, index).to_json()


def process_pool(state: State, pool: Pool, index: int) -> None:
    get_member(state, pool.member)
    _check_named_key(state, "pool", pool.name, pool.key, pool_origin(get_network(state).name, pool.name))
    position = get_pool_count(state)
    state[f"pool/{pool.name}"] = RegisteredPool(pool.name, pool.member, pool.key, index, position).to_json()
    state["pools"] = position + 1


# Crosslinks


def process_crosslink(state: State, crosslink: Crosslink, index: int) -> None:
    pool = get_pool(state, crosslink.pool)
    current = get_crosslink(state, crosslink.pool)
    checkpoint = crosslink.checkpoint
    origin = pool_origin(get_network(state).name, pool.name)

    if pool.suspended or get_member(state, pool.member).suspended:
        raise Suspended("the pool is suspended", got=pool.name)
    if checkpoint.origin != origin:
        raise InvalidCrosslink("the checkpoint is of another log", expected=origin, got=checkpoint.origin)
    if crosslink.parent != current.as_parent:
        raise WrongParent("the crosslink follows another tree", expected=current.as_parent, got=crosslink.parent)
    if checkpoint.size <= current.size:
        raise InvalidCrosslink("the pool's log has not grown", expected=f"above {current.size}", got=checkpoint.size)
    _check_crosslink_epoch(state, crosslink.epoch)

    committee = get_committee(state, crosslink.pool, crosslink.epoch)
    _check_signature_lines(crosslink.note, pool.key, committee)
    verify_pool_signature(crosslink.note, pool.key)
    cosigners = get_cosigners(crosslink.note, committee)
    weight = sum(get_effective_weight(state, validator) for validator in cosigners)
    total = sum(get_effective_weight(state, validator) for validator in committee)
    if not is_supermajority(weight, total):
        raise InsufficientWeight("too few of the committee cosigned", expected=f"two thirds of {total}", got=weight)

    linked = CurrentCrosslink(checkpoint.size, checkpoint.root, index, crosslink.epoch)
    state[f"crosslink/{pool.name}"] = linked.to_json()


def verify_pool_signature(note: Note, key: VerifierKey) -> None:
    """Nothing, where the pool's key signed the note; InvalidCrosslink else."""
    try:
        verified_signatures(note, [key])
    except InvalidSignature as error:
        raise InvalidCrosslink(f"the checkpoint is not signed by the pool ({error})") from None


def get_cosigners(note: Note, committee: Sequence[RegisteredValidator]) -> list[RegisteredValidator]:
    """Who of the committee cosigned, with an Ed25519 key that was valid then; InvalidCrosslink for a bad line."""
    lines = {(line.name, line.key_id): line for line in note.signatures}
    cosigners = []
    for validator in committee:
        for keys in validator.key_sets:
            line = lines.get((keys.ed25519.name, keys.ed25519.key_id))
            if line is None:
                continue
            try:
                keys.ed25519.verify(note.text, line.blob)
            except InvalidSignature as error:
                raise InvalidCrosslink(f"a cosignature does not hold ({error})") from None
            if not keys.is_valid_at(timestamp_of(line)):
                raise InvalidCrosslink("a cosignature outside its key's validity", got=validator.name)
            cosigners.append(validator)
            break
    return cosigners


def compute_crosslink_note(note: Note, pool: VerifierKey, committee: Sequence[RegisteredValidator]) -> Note:
    """The note as a crosslink carries it: the pool's line, then one Ed25519 line of each validator that cosigned.

    Nothing is verified here. Lines of other keys, and the large ML-DSA-44 ones, stay with the pool.
    """
    lines = {(line.name, line.key_id): line for line in reversed(note.signatures)}
    chosen = [lines[pool.name, pool.key_id]] if (pool.name, pool.key_id) in lines else []
    for validator in committee:
        line = _line_of(validator, lines)
        if line is not None:
            chosen.append(line)
    return Note(note.text, tuple(chosen))


def _line_of(validator: RegisteredValidator, lines: dict[tuple[str, bytes], Signature]) -> Signature | None:
    for keys in validator.key_sets:
        line = lines.get((keys.ed25519.name, keys.ed25519.key_id))
        if line is not None and _is_dated_within(keys, line):
            return line
    return None


def _is_dated_within(keys: KeySet, line: Signature) -> bool:
    try:
        return keys.is_valid_at(timestamp_of(line))
    except MalformedCosignature:
        return False


def _check_crosslink_epoch(state: State, epoch: int) -> None:
    casper = state.casper
    current = get_current_epoch(casper)
    earliest = max(0, current - casper.preset.max_epochs_per_crosslink)
    if not earliest <= epoch <= current:
        raise InvalidCrosslink("no committee of that epoch is asked", expected=f"{earliest} to {current}", got=epoch)


def _check_signature_lines(note: Note, pool: VerifierKey, committee: Sequence[RegisteredValidator]) -> None:
    # Free text has no way onto the beacon: each line is of a known key, in the one order.
    if note != compute_crosslink_note(note, pool, committee):
        expected = "the pool's line, then one Ed25519 line of each validator in the order of the registry"
        raise InvalidCrosslink("the note has other lines", expected=expected, got=f"{len(note.signatures)} lines")


# Votes


def process_attestation(state: State, attestation: Attestation) -> None:
    casper = state.casper
    epoch = Epoch(attestation.epoch)
    boundaries = load_boundaries(state)
    if epoch not in (get_previous_epoch(casper), get_current_epoch(casper)) or epoch not in boundaries:
        expected = f"epoch {get_previous_epoch(casper)} or {get_current_epoch(casper)}"
        raise InvalidAttestation(
            "votes come while their target is the last boundary or the one before", expected=expected, got=epoch
        )
    if (attestation.size, attestation.root) != boundaries[epoch]:
        raise InvalidAttestation("the votes are for another tree", expected=boundaries[epoch][0], got=attestation.size)
    voted = (
        casper.current_epoch_participation
        if epoch == get_current_epoch(casper)
        else casper.previous_epoch_participation
    )

    text = LogCheckpoint(get_beacon_origin(state), attestation.size, attestation.root).text()
    voters = get_validators_at(state, [vote.validator for vote in attestation.votes])
    for validator, vote in zip(voters, attestation.votes, strict=True):
        if not is_active_validator(casper.validators[validator.index], epoch):
            raise InvalidAttestation("a vote of somebody who is not active", got=validator.name)
        if voted[validator.index]:
            raise InvalidAttestation("the vote has been counted", got=validator.name)
        _verify_vote(validator, text, vote.blob, vote.timestamp)
    record_votes(casper, epoch, [ValidatorIndex(vote.validator) for vote in attestation.votes])


def _verify_vote(validator: RegisteredValidator, text: str, blob: bytes, timestamp: int) -> None:
    problem: InvalidSignature | None = None
    for keys in validator.key_sets:
        if not keys.is_valid_at(timestamp):
            continue
        try:
            keys.ed25519.verify(text, blob)
        except InvalidSignature as error:
            problem = error
        else:
            return
    reason = str(problem) if problem else "no key was valid at that time"
    raise InvalidAttestation(f"a vote does not hold ({reason})", got=validator.name)


# Deposits


def process_evidence(state: State, evidence: Evidence, index: int) -> None:
    deposit = evidence.deposit
    member = get_member(state, deposit.member)
    deposits = get_deposits(state, deposit.digest)

    if member.suspended:
        raise Suspended("the member is suspended", got=member.name)
    if deposit.network != get_network(state).name:
        raise InvalidDeposit("deposited on another network", expected=get_network(state).name, got=deposit.network)
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


# Misbehaviour


class StateDirectory:
    """Who has which key, as the state says."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def network(self) -> str:
        return get_network(self._state).name

    def validator_keys(self, name: str) -> tuple[KeySet, ...]:
        return get_validator(self._state, name).key_sets

    def pool_key(self, name: str) -> VerifierKey:
        return get_pool(self._state, name).key

    def beacon_key(self, origin: str) -> VerifierKey:
        key = f"origin/{origin}"
        if origin == get_beacon_origin(self._state):
            return get_log(self._state).key
        if key not in self._state:
            raise UnknownOrigin("the beacon has no log of that origin", got=origin)
        return parse_key(str(self._state[key]))


def process_slashing(state: State, slashing: Slashing, index: int) -> None:
    offence = verify_misbehaviour(slashing.proof, StateDirectory(state))
    reporter = _reporter(state, slashing.reporter)
    key = f"offence/{offence.kind}/{offence.offender.rpartition('/')[2]}"
    if offence.kind is OffenceKind.POOL_FORK:
        pool = get_pool(state, offence.offender)
        if key in state:
            raise InvalidSlashing("the pool's fork is known", got=pool.name)
        state[f"pool/{pool.name}"] = replace(pool, suspended=True).to_json()
    elif offence.kind is OffenceKind.BEACON_FORK:
        if key in state:
            raise InvalidSlashing("the beacon's fork is known", got=offence.offender)
    else:
        validator = get_validator(state, offence.offender)
        casper = state.casper
        if not is_slashable_validator(casper.validators[validator.index], get_current_epoch(casper)):
            raise InvalidSlashing("the validator has been slashed or is gone", got=validator.name)
        slash_validator(casper, validator.index, reporter)
    state[key] = _offence_to_json(offence, slashing.reporter, index)


def _reporter(state: State, name: str | None) -> ValidatorIndex | None:
    """The validator who is paid; a member is named only."""
    if name is None:
        return None
    try:
        return get_validator(state, name).index
    except UnknownValidator:
        get_member(state, name)
        return None


def _offence_to_json(offence: Offence, reporter: str | None, index: int) -> dict[str, int | str | None]:
    return {"index": index, "kind": str(offence.kind), "offender": offence.offender, "reporter": reporter}


# Governance


def process_ballot(state: State, entry: Ballot, index: int) -> None:
    ballot = entry.ballot
    motion = ballot.motion
    if motion.action == "restart":
        raise InvalidMotion("a restart is carried by an entry of its own", expected="a restart entry", got="a ballot")
    voter = _verify_ballot(state, ballot.network, ballot.validator, entry.note)
    if get_current_epoch(state.casper) > motion.expires:
        raise InvalidBallot("the motion has expired", expected=f"epoch {motion.expires} at most", got="later")
    record = _motion_record(state, motion, index)
    if record.executed is not None or voter.name in record.voters:
        raise InvalidBallot("the motion is carried, or the validator has voted for it", got=voter.name)
    _check_motion(state, motion)

    record = replace(record, voters=(*record.voters, voter.name))
    if is_supermajority(_weight_of(state, record.voters), get_total_weight(state)):
        record = replace(record, executed=index)
        _execute(state, motion, index)
    state[f"motion/{to_hex(motion.digest)}"] = record.to_json()


def process_rotation(state: State, entry: Rotation) -> None:
    rotation = entry.rotation
    validator = get_validator(state, rotation.validator)
    _verify_statement(state, rotation.network, validator, entry.note)
    _check_key_names(state, validator.name, rotation.cosigners)
    _check_new_keys(state, rotation.cosigners)
    keys = (*validator.key_sets, rotation.cosigners)
    state[f"validator/{validator.name}"] = replace(validator, key_sets=keys).to_json()
    _claim_keys(state, rotation.cosigners, validator.name)


def process_restart(state: State, entry: Restart, index: int) -> None:
    motion = entry.ballots[0].motion
    key = parse_key(str(motion.content["key"]))
    if key.name != next_origin(state):
        raise InvalidRestart("the key is not named after the next origin", expected=next_origin(state), got=key.name)
    tree = state.tree
    if (motion.content["size"], from_base64(str(motion.content["root"]))) != (tree.size, tree.root()):
        raise InvalidRestart("the log goes on from another tree", expected=tree.size, got="another")
    if get_current_epoch(state.casper) > motion.expires:
        raise InvalidRestart("the motion has expired", expected=f"epoch {motion.expires} at most", got="later")
    voters: list[str] = []
    for ballot, note in zip(entry.ballots, entry.notes, strict=True):
        voter = _verify_ballot(state, ballot.network, ballot.validator, note)
        if voter.name in voters:
            raise InvalidRestart("a validator votes once", got=voter.name)
        voters.append(voter.name)
    if not is_supermajority(_weight_of(state, voters), get_total_weight(state)):
        raise InvalidRestart("too few voted to restart", expected="two thirds of the weight", got=", ".join(voters))

    log = get_log(state)
    state[f"origin/{log.origin}"] = str(log.key)
    state["log"] = CurrentLog(key, log.restarts + 1, index).to_json()


def _verify_ballot(state: State, network: str, name: str, note: Note) -> RegisteredValidator:
    validator = get_validator(state, name)
    _verify_statement(state, network, validator, note)
    if not is_active_validator(state.casper.validators[validator.index], get_current_epoch(state.casper)):
        raise InvalidBallot("only active validators vote", got=name)
    return validator


def _verify_statement(state: State, network: str, validator: RegisteredValidator, note: Note) -> None:
    if network != get_network(state).name:
        raise InvalidBallot("said on another network", expected=get_network(state).name, got=network)
    if len(note.signatures) != 1:
        raise InvalidBallot("a statement has one signature", expected=1, got=len(note.signatures))
    try:
        verified_signatures(note, [validator.governance])
    except InvalidSignature as error:
        raise InvalidBallot(f"not signed with the validator's governance key ({error})") from None


def _motion_record(state: State, motion: Motion, index: int) -> MotionRecord:
    if f"motion/{to_hex(motion.digest)}" in state:
        return get_motion(state, motion.digest)
    return MotionRecord(motion=motion, voters=(), index=index, executed=None)


def _weight_of(state: State, names: Iterable[str]) -> int:
    return sum(get_effective_weight(state, get_validator(state, name)) for name in names)


def _check_motion(state: State, motion: Motion) -> None:
    """InvalidMotion, or another InvalidEntry, where it could not be executed now."""
    match motion.action:
        case "join":
            _check_registration(state, motion.registration)
        case "leave":
            _check_stays(state, get_validator(state, motion.name))
        case "parameter":
            if motion.name in FIXED_PARAMETERS or not isinstance(getattr(get_preset(state), motion.name, None), int):
                raise InvalidMotion("no motion changes that", got=motion.name)
        case _:
            _check_suspension(state, motion)


def _check_suspension(state: State, motion: Motion) -> None:
    suspends = motion.action == "suspend"
    match motion.content["kind"]:
        case "pool":
            suspended = get_pool(state, motion.name).suspended
        case "member":
            suspended = get_member(state, motion.name).suspended
        case _:
            validator = get_validator(state, motion.name)
            if suspends:
                _check_stays(state, validator)
                return
            seat = state.casper.validators[validator.index]
            if seat.slashed or seat.exit_epoch == FAR_FUTURE_EPOCH:
                raise InvalidMotion("the validator stays, or was slashed", got=validator.name)
            return
    if suspended == suspends:
        raise InvalidMotion(f"nothing changes by this {motion.action}", got=motion.name)


def _check_stays(state: State, validator: RegisteredValidator) -> None:
    if state.casper.validators[validator.index].exit_epoch != FAR_FUTURE_EPOCH:
        raise InvalidMotion("the validator is leaving already", got=validator.name)


def _execute(state: State, motion: Motion, index: int) -> None:
    match motion.action:
        case "join":
            place = add_validator(state.casper, motion.registration.weight)
            _register(state, motion.registration, place, index)
        case "leave":
            initiate_validator_exit(state.casper, get_validator(state, motion.name).index)
        case "parameter":
            state[f"parameter/{motion.name}"] = motion.content["value"]
            state.casper.preset = get_preset(state)
        case _:
            _execute_suspension(state, motion)


def _execute_suspension(state: State, motion: Motion) -> None:
    suspended = motion.action == "suspend"
    match motion.content["kind"]:
        case "pool":
            state[f"pool/{motion.name}"] = replace(get_pool(state, motion.name), suspended=suspended).to_json()
        case "member":
            state[f"member/{motion.name}"] = replace(get_member(state, motion.name), suspended=suspended).to_json()
        case _:
            change = initiate_validator_exit if suspended else reactivate_validator
            change(state.casper, get_validator(state, motion.name).index)


# Registering


def _check_founding(state: State, entry: Entry, index: int) -> None:
    if (index == 0) != isinstance(entry, Genesis):
        raise InvalidGenesis("entry 0 is the genesis, and no other entry is", got=f"{entry.TYPE} at {index}")
    if index > 0 and is_founded(state) == isinstance(entry, Validator):
        expected = "another entry" if is_founded(state) else "a validator"
        raise InvalidGenesis("the founding validators follow the genesis", expected=expected, got=entry.TYPE)


def _check_registration(state: State, registration: Registration) -> None:
    if f"validator/{registration.name}" in state:
        raise AlreadyRegistered("the name of a validator is taken", got=registration.name)
    _check_key_names(state, registration.name, registration.cosigners)
    expected = validator_key_name(get_network(state).name, registration.name)
    if registration.governance.name != expected:
        raise InvalidRegistration("the key is not named after the validator", expected=expected, got="another")
    _check_new_keys(state, registration.cosigners)


def _check_key_names(state: State, name: str, keys: KeySet) -> None:
    expected = validator_key_name(get_network(state).name, name)
    if keys.ed25519.name != expected:
        raise InvalidRegistration("the key is not named after the validator", expected=expected, got=keys.ed25519.name)


def _check_new_keys(state: State, keys: KeySet) -> None:
    # One key in two hands would have two voices.
    for key in keys.keys:
        if _key_claim(key) in state:
            raise AlreadyRegistered("the key has been a validator's before", got=key.name)


def _register(state: State, registration: Registration, place: ValidatorIndex, index: int) -> None:
    validator = RegisteredValidator(
        name=registration.name,
        index=place,
        governance=registration.governance,
        key_sets=(registration.cosigners,),
        weight=registration.weight,
        joined=index,
    )
    state[f"validator/{validator.name}"] = validator.to_json()
    state[f"seat/{place}"] = validator.name
    _claim_keys(state, registration.cosigners, validator.name)


def _claim_keys(state: State, keys: KeySet, name: str) -> None:
    for key in keys.keys:
        state[_key_claim(key)] = name


def _key_claim(key: VerifierKey) -> str:
    return f"key/{to_hex(leaf_hash(key.public))}"


def _check_named_key(state: State, kind: str, name: str, key: VerifierKey, key_name: str) -> None:
    if f"{kind}/{name}" in state:
        raise AlreadyRegistered(f"the name of a {kind} is taken", got=name)
    if key.name != key_name:
        raise InvalidRegistration(f"the key is not named after the {kind}", expected=key_name, got=key.name)
