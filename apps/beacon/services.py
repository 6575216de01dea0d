"""What members, pools, validators and witnesses of a lie hand in.

Checked here, so that they learn at once what is wrong, and again when sequenced.
"""

from apps.beacon.errors import ParentRefusal, Refusal
from apps.beacon.log import open_state
from apps.beacon.ordering import EmbeddedOrdering, Ordering, TooMuchWaits
from apps.network.beacon_api import (
    BallotSubmission,
    CrosslinkSubmission,
    EvidenceSubmission,
    Head,
    MemberSubmission,
    PoolSubmission,
    Receipt,
    RotationSubmission,
    SlashingSubmission,
)
from audit_chain.beacon.entries import Ballot, Crosslink, Evidence, Member, Parent, Pool, Rotation, Slashing
from audit_chain.beacon.names import is_name
from audit_chain.beacon.state import (
    State,
    get_committee,
    get_crosslink,
    get_deposits,
    get_member,
    get_motion,
    get_next_index,
    get_pool,
    get_validator,
)
from audit_chain.beacon.transition import compute_crosslink_note, process_entry
from audit_chain.errors import InvalidMotion, Malformed, UnknownMember, UnknownPool, WrongParent
from audit_chain.log.keys import VerifierKey
from audit_chain.log.note import Note
from audit_chain.log.tiles import check_entry_size

QUEUED = Receipt(index=None)
COMMON_NAMES = ("boundaries", "casper", "log", "network", "pools", "slot", "tree")  # what every entry is held against

ordering: Ordering = EmbeddedOrdering()


def crosslink_submit(submission: CrosslinkSubmission) -> Receipt:
    """Queued, or the index of the very crosslink where it is the pool's current one.

    Lines of the note that do not belong into a crosslink are dropped, the others are put into their order.
    """
    state = open_state()
    name = _name(submission.pool, "pool")
    for section in ("seat/", "validator/"):  # The committee's, with two reads instead of two for each of its members.
        state.load(section)
    state.fetch((*COMMON_NAMES, f"pool/{name}", f"crosslink/{name}"))
    pool = get_pool(state, name)
    note = _note(submission.checkpoint, "checkpoint")
    note = compute_crosslink_note(note, pool.key, get_committee(state, pool.name, _epoch(submission.epoch)))
    parent = Parent(size=submission.parent.size, root=submission.parent.root)
    crosslink = Crosslink(pool=pool.name, epoch=submission.epoch, parent=parent, note=note)

    current = get_crosslink(state, pool.name)
    checkpoint = crosslink.checkpoint
    if (current.size, current.root) == (checkpoint.size, checkpoint.root) and current.index is not None:
        return Receipt(index=current.index)
    try:
        _queue(state, crosslink.encode())
    except WrongParent as problem:
        raise ParentRefusal(str(problem), Head(root=current.root, size=current.size)) from None
    return QUEUED


def evidence_submit(submission: EvidenceSubmission) -> Receipt:
    """Queued, or the index of the member's earlier deposit of the same file."""
    evidence = Evidence(_note(submission.deposit, "deposit"))
    deposit = evidence.deposit
    state = open_state()
    for earlier in get_deposits(state, deposit.digest):
        if earlier.member == deposit.member:
            return Receipt(index=earlier.index)
    _queue(state, evidence.encode())
    return QUEUED


def member_register(submission: MemberSubmission) -> Receipt:
    """Queued, or the index of the registration where the member has this name and key already."""
    member = Member(name=_name(submission.name, "name"), key=_key(submission.key))
    state = open_state()
    try:
        registered = get_member(state, member.name)
    except UnknownMember:
        pass
    else:
        if registered.key == member.key:
            return Receipt(index=registered.index)
    _queue(state, member.encode())
    return QUEUED


def pool_register(submission: PoolSubmission) -> Receipt:
    """Queued, or the index of the registration where the pool has this name, member and key already."""
    pool = Pool(
        name=_name(submission.name, "name"), member=_name(submission.member, "member"), key=_key(submission.key)
    )
    state = open_state()
    try:
        registered = get_pool(state, pool.name)
    except UnknownPool:
        pass
    else:
        if (registered.member, registered.key) == (pool.member, pool.key):
            return Receipt(index=registered.index)
    _queue(state, pool.encode())
    return QUEUED


def ballot_submit(submission: BallotSubmission) -> Receipt:
    """Queued, or the index of the motion where the validator has voted for it already."""
    entry = Ballot(_note(submission.ballot, "ballot"))
    ballot = entry.ballot
    state = open_state()
    try:
        record = get_motion(state, ballot.motion.digest)
    except InvalidMotion:
        pass
    else:
        if ballot.validator in record.voters:
            return Receipt(index=record.index)
    _queue(state, entry.encode())
    return QUEUED


def rotation_submit(submission: RotationSubmission) -> Receipt:
    """Queued, or the index of the validator's registration where it has these keys already."""
    entry = Rotation(_note(submission.rotation, "rotation"))
    rotation = entry.rotation
    state = open_state()
    validator = get_validator(state, rotation.validator)
    if rotation.cosigners in validator.key_sets:
        return Receipt(index=validator.joined)
    _queue(state, entry.encode())
    return QUEUED


def slashing_submit(submission: SlashingSubmission) -> Receipt:
    """Queued: proof of a lie, by anybody, and who is credited with it."""
    reporter = None if submission.reporter is None else _name(submission.reporter, "reporter")
    _queue(open_state(), Slashing(proof=submission.proof, reporter=reporter).encode())
    return QUEUED


def _queue(state: State, entry: bytes) -> None:
    check_entry_size(entry)
    process_entry(state, entry, get_next_index(state))  # The state is this request's own and is thrown away.
    try:
        ordering.submit(entry)
    except TooMuchWaits:
        raise Refusal(503, "busy", "too much waits to be sequenced; try again later") from None


def _epoch(epoch: int) -> int:
    if epoch < 0:
        raise Refusal(422, "malformed_epoch", "expected the number of an epoch", where="epoch")
    return epoch


def _name(name: str, where: str) -> str:
    if not is_name(name):
        raise Refusal(422, "malformed_name", "expected lower-case letters, digits and hyphens", where=where)
    return name


def _key(text: str) -> VerifierKey:
    try:
        return VerifierKey.parse(text)
    except Malformed as problem:
        raise Refusal(422, "malformed_key", str(problem), where="key") from None


def _note(text: str, where: str) -> Note:
    try:
        return Note.parse(text.encode())
    except Malformed as problem:
        raise Refusal(422, "malformed_note", str(problem), where=where) from None
