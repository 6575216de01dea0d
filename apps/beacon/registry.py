"""What the beacon answers about its state: members, pools, validators, epochs, motions, offences, and proofs of all."""

from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Max, Sum

from apps.beacon import finality
from apps.beacon.errors import Refusal, not_found
from apps.beacon.log import open_state, open_state_store, open_store
from apps.beacon.models import Block, Cosignature, Epoch, Submission
from apps.beacon.participation import unpack_voters
from apps.beacon.selectors import PAGE_LIMIT, block_summaries, placements, slots_per_epoch
from apps.network import beacon_api as api
from apps.network.network_file import NetworkFile
from audit_chain import canonical
from audit_chain.beacon.casper.accessors import get_current_epoch
from audit_chain.beacon.casper.containers import FAR_FUTURE_EPOCH
from audit_chain.beacon.casper.containers import Validator as Seat
from audit_chain.beacon.sealed_state import SealedState
from audit_chain.beacon.state import (
    RegisteredMember,
    RegisteredPool,
    RegisteredValidator,
    State,
    compute_evidence_key,
    get_committee,
    get_crosslink,
    get_deposits,
    get_member,
    get_members,
    get_motion,
    get_pool,
    get_pools,
    get_total_weight,
    get_validators,
)
from audit_chain.encoding import from_hex, to_time
from audit_chain.errors import MalformedStateName, NotInLog, UnknownEpoch, UnknownMember, UnknownPool, UnknownVersion
from audit_chain.shapes import Shape
from audit_chain.statemap.keys import check_name
from audit_chain.statemap.map import StateMap

PARTICIPATION_EPOCHS = 16  # over which a validator's votes are counted


# Members, pools, deposits


def pools() -> api.Pools:
    state = open_state()
    state.load("crosslink/")
    return api.Pools(_pool_states(state, get_pools(state)))


def pool(name: str) -> api.PoolState:
    state = open_state()
    (found,) = _pool_states(state, [_pool(state, name)])
    return found


def crosslink(name: str) -> api.PoolCrosslink:
    return pool(name).crosslink


def members() -> api.Members:
    return api.Members(_member_states(get_members(open_state())))


def member(name: str) -> api.MemberState:
    try:
        (found,) = _member_states([get_member(open_state(), name)])
    except UnknownMember:
        raise not_found("member") from None
    return found


def deposits(digest: bytes, network: NetworkFile) -> api.Deposits:
    """Every deposit of the file with this SHA-256 digest, the earliest first, and what the final state says."""
    found = get_deposits(open_state(), digest)
    places = placements(deposit.index for deposit in found)
    size = finality.final_size()
    sealed = _sealed(size, compute_evidence_key(digest), network) if size else None
    return api.Deposits(
        deposits=tuple(
            api.Deposit(
                member=deposit.member,
                index=deposit.index,
                block=places[deposit.index].block,
                time=places[deposit.index].time,
                final=places[deposit.index].final,
            )
            for deposit in found
        ),
        sealed=finality.render(sealed) if sealed else None,
    )


# Validators and committees


def committee(name: str) -> api.Committee:
    """Whom the pool should ask now."""
    state = open_state()
    _pool(state, name)
    epoch = get_current_epoch(state.casper)
    return api.Committee(epoch=epoch, validators=tuple(one.name for one in get_committee(state, name, epoch)))


def validators(network: NetworkFile) -> api.Validators:
    """Everybody in the registry, by index."""
    state = open_state()
    casper = state.casper
    epoch = get_current_epoch(casper)
    urls = {node.name: node.url for node in network.validators}
    ended = list(Epoch.objects.filter(number__lt=epoch).order_by("-number")[:PARTICIPATION_EPOCHS])
    cosigned = _latest_cosigned(slots_per_epoch(network))
    states = []
    for one in get_validators(state):
        seat = casper.validators[one.index]
        counted = [row for row in ended if seat.activation_epoch <= row.number < seat.exit_epoch]
        latest = cosigned.get(one.name)
        states.append(
            api.ValidatorState(
                name=one.name,
                index=one.index,
                url=urls.get(one.name),
                keys=tuple(str(key) for key in one.key_sets[-1].keys),
                key_sets=tuple(
                    api.KeyValidity(tuple(map(str, keys.keys)), keys.not_before, keys.not_after)
                    for keys in one.key_sets
                ),
                governance=str(one.governance),
                balance=casper.balances[one.index],
                weight=seat.effective_balance,
                status=_status(seat, epoch),
                votes=sum(_has_voted(row, one) for row in counted),
                epochs=len(counted),
                last_epoch=latest[1] if latest else None,
                cosigned=latest[0] if latest else None,
            )
        )
    return api.Validators(
        size=open_store().head().tree_size,
        final_size=finality.final_size(),
        waiting=_waiting(),
        epoch=epoch,
        justified_epoch=casper.current_justified_checkpoint.epoch,
        finalized_epoch=casper.finalized_checkpoint.epoch,
        validators=tuple(states),
    )


def _waiting() -> int:
    """How much of what was handed in is not final: queued, or in blocks that nothing final covers."""
    in_blocks = Block.objects.filter(final=False).aggregate(sum=Sum("entries"))["sum"] or 0
    return in_blocks + Submission.objects.count()


def _status(seat: Seat, epoch: int) -> str:
    if seat.slashed:
        return "slashed"
    if epoch < seat.activation_epoch:
        return "pending"
    if epoch >= seat.exit_epoch:
        return "exited"
    return "active" if seat.exit_epoch == FAR_FUTURE_EPOCH else "exiting"


def _has_voted(row: Epoch, validator: RegisteredValidator) -> bool:
    byte, bit = divmod(validator.index, 8)
    voters = bytes(row.voters)
    return byte < len(voters) and bool(voters[byte] >> bit & 1)


def _latest_cosigned(slots: int) -> dict[str, tuple[api.Cosigned, int]]:
    """By name, the greatest tree that somebody cosigned, and its epoch."""
    latest = dict(Cosignature.objects.values_list("validator").annotate(size=Max("size")))
    times: dict[str, int] = {}
    rows = Cosignature.objects.filter(size__in=set(latest.values())).values_list("validator", "size", "signed_at")
    for name, size, signed_at in rows:
        if latest[name] == size:
            times[name] = max(signed_at, times.get(name, 0))
    places = placements(size - 1 for size in set(latest.values()))
    found = {}
    for name, size in latest.items():
        block = places[size - 1].block
        found[name] = api.Cosigned(size=size, block=block, time=to_time(times[name])), block // slots
    return found


# Epochs


def epochs(network: NetworkFile, *, before: int | None, limit: int) -> api.EpochPage:
    """Epochs below number `before`, newest first."""
    found = Epoch.objects.order_by("-number")
    if before is not None:
        found = found.filter(number__lt=before)
    page = list(found[: max(1, min(limit, PAGE_LIMIT))])
    names = [one.name for one in get_validators(open_state())] if page else []
    following = page[-1].number if page and page[-1].number > 0 else None
    return api.EpochPage(epochs=_epoch_summaries(page, names, network), before=following)


def epoch(number: int, network: NetworkFile) -> api.Epoch:
    found = Epoch.objects.filter(number=number).first()
    if found is None:
        raise not_found("epoch")
    state = open_state()
    (summary,) = _epoch_summaries([found], [one.name for one in get_validators(state)], network)
    first, width = summary.first_slot, slots_per_epoch(network)
    blocks = list(Block.objects.filter(number__gte=first, number__lt=first + width).order_by("-number"))
    return api.Epoch(
        epoch=summary,
        committees=tuple(_pool_committee(state, one, number) for one in get_pools(state)),
        blocks=block_summaries(blocks, network),
    )


def _pool_committee(state: State, pool: RegisteredPool, epoch: int) -> api.PoolCommittee:
    try:
        return api.PoolCommittee(pool.name, tuple(one.name for one in get_committee(state, pool.name, epoch)))
    except UnknownEpoch:
        return api.PoolCommittee(pool.name, None)


def _epoch_summaries(page: Sequence[Epoch], names: Sequence[str], network: NetworkFile) -> tuple[api.EpochSummary, ...]:
    if not page:
        return ()
    width = slots_per_epoch(network)
    counts: dict[int, list[int]] = {row.number: [0, 0] for row in page}
    within = Block.objects.filter(number__gte=page[-1].number * width, number__lt=(page[0].number + 1) * width)
    for number, entries, crosslinks in within.values_list("number", "entries", "crosslinks"):
        count = counts.get(number // width)
        if count:
            count[0] += entries
            count[1] += crosslinks
    store = open_store()
    summaries = []
    for row in page:
        seal = store.seal_at(row.size)
        if seal is None:
            raise NotInLog("an epoch's boundary is no seal", got=row.size)
        summaries.append(
            api.EpochSummary(
                epoch=row.number,
                first_slot=row.number * width,
                size=row.size,
                root=seal.root,
                time=seal.time,
                justified=row.justified,
                finalized=row.finalized,
                voted=row.voted,
                total=row.total,
                voters=unpack_voters(bytes(row.voters), names),
                entries=counts[row.number][0],
                crosslinks=counts[row.number][1],
            )
        )
    return tuple(summaries)


# Motions and offences


def motions() -> api.Motions:
    state = open_state()
    found = [(from_hex(name), get_motion(state, from_hex(name))) for name in state.load("motion/")]
    found.sort(key=lambda pair: -pair[1].index)
    places = placements(index for _, one in found for index in (one.index, one.executed) if index is not None)
    return api.Motions(
        epoch=get_current_epoch(state.casper),
        total=get_total_weight(state),
        motions=tuple(
            api.Motion(
                digest=digest,
                action=one.motion.action,
                motion=canonical.encode(one.motion.to_json()).decode(),
                expires=one.motion.expires,
                voters=one.voters,
                moved=places[one.index],
                carried=None if one.executed is None else places[one.executed],
            )
            for digest, one in found
        ),
    )


def offences() -> api.Offences:
    """The latest first."""
    state = open_state()
    shapes = [
        Shape(
            state[f"offence/{name}"],
            what="offence",
            members=("index", "kind", "offender", "reporter"),
            error=MalformedStateName,
        )
        for name in state.load("offence/")
    ]
    shapes.sort(key=lambda shape: -shape.integer("index"))
    places = placements(shape.integer("index") for shape in shapes)
    return api.Offences(
        tuple(
            api.Offence(
                kind=shape.text("kind"),
                offender=shape.text("offender"),
                reporter=None if shape.value("reporter") is None else shape.text("reporter"),
                entry=places[shape.integer("index")],
            )
            for shape in shapes
        )
    )


# The state map itself


def state_proof(question: api.StateQuestion, network: NetworkFile) -> api.StateAnswer:
    """A name's value, or that there is none, at a kept size or at the latest final boundary."""
    try:
        check_name(question.name)
    except MalformedStateName:
        raise Refusal(422, "malformed_name", "expected a name of the state map", where="name") from None
    size = finality.final_size() if question.size is None else question.size
    sealed = _sealed(size, question.name, network)
    proven = sealed.values[question.name]
    return api.StateAnswer(
        size=size,
        value=None if proven.value is None else proven.value.decode(),
        proof=proven.proof.render().decode(),
        sealed=finality.render(sealed),
    )


def state_sections(size: int | None) -> api.Sections:
    """The root of each section of the state that the tree of this size, or the latest one, is sealed with."""
    try:
        state = StateMap(open_state_store(), version=size)
    except UnknownVersion:
        raise not_found("state") from None
    if state.version is None or size not in (None, state.version):
        raise not_found("state")
    sections = tuple(api.Section(name, root) for name, root in sorted(state.subroots().items()))
    return api.Sections(size=state.version, root=state.root(), sections=sections)


def _sealed(size: int, name: str, network: NetworkFile) -> SealedState:
    try:
        return finality.sealed_state(size, (name, *finality.FINALITY_NAMES), network)
    except (UnknownVersion, NotInLog):
        raise not_found("state") from None


def _pool(state: State, name: str) -> RegisteredPool:
    try:
        return get_pool(state, name)
    except UnknownPool:
        raise not_found("pool") from None


def _pool_states(state: State, found: Sequence[RegisteredPool]) -> tuple[api.PoolState, ...]:
    crosslinks = {pool.name: get_crosslink(state, pool.name) for pool in found}
    indexes = [pool.index for pool in found]
    indexes += [current.index for current in crosslinks.values() if current.index is not None]
    places = placements(indexes)
    states = []
    for pool in found:
        current = crosslinks[pool.name]
        place = None if current.index is None else places[current.index]
        states.append(
            api.PoolState(
                name=pool.name,
                member=pool.member,
                key=str(pool.key),
                suspended=pool.suspended,
                registered=places[pool.index],
                crosslink=api.PoolCrosslink(
                    pool=pool.name,
                    epoch=current.epoch,
                    index=current.index,
                    size=current.size,
                    root=current.root,
                    block=place.block if place else None,
                    time=place.time if place else None,
                    final=place.final if place else False,
                ),
            )
        )
    return tuple(states)


def _member_states(found: Iterable[RegisteredMember]) -> tuple[api.MemberState, ...]:
    found = list(found)
    places: Mapping[int, api.Placement] = placements(member.index for member in found)
    return tuple(
        api.MemberState(
            name=member.name, key=str(member.key), suspended=member.suspended, registered=places[member.index]
        )
        for member in found
    )
