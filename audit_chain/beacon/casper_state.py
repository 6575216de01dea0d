"""What Casper reckons with, as names and values of the beacon's state.

    casper               {"bits": [0, 1, 1, 0], "finalized": C, "justified": C, "previous_justified": C,
                          "slashings": {"7": 32000000000}, "slot": 41}
    boundaries           {"20": {"root": "…", "size": 61}, …}     the log at the boundary of this and the last epoch
    registry/<n>         [[max_effective_balance, activation, exit, withdrawable, slashed], …]
    balance/<n>          [[balance, effective_balance], …]
    participation/<n>    [current, previous]                      in hex, one bit a validator, the first the lowest
    mix/<n>              ["…", …]                                 randao mixes

where each C is {"epoch": 19, "root": "…"}. Validators stand in chunks of 64, mixes in chunks of 32, so that an epoch
changes few values however many validators there are.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Final, Protocol, TypeAlias, TypeVar

from audit_chain.beacon.casper.containers import (
    CasperState,
    Checkpoint,
    Epoch,
    Slot,
    Validator,
    Weight,
)
from audit_chain.beacon.casper.presets import Preset
from audit_chain.canonical import JSON
from audit_chain.encoding import from_base64, to_base64
from audit_chain.errors import InvalidGenesis, MalformedEntry
from audit_chain.merkle.hashing import HASH_SIZE
from audit_chain.shapes import Shape

T = TypeVar("T")

VALIDATORS_PER_CHUNK: Final = 64
MIXES_PER_CHUNK: Final = 32

Written: TypeAlias = dict[str, Sequence[object]]
"""Of each kind of chunk, all that its values hold."""

_REGISTRY_ROW: Final = attrgetter(
    "max_effective_balance", "activation_epoch", "exit_epoch", "withdrawable_epoch", "slashed"
)
_EFFECTIVE_BALANCE: Final = attrgetter("effective_balance")


class Names(Protocol):
    """The state as far as it is needed here."""

    def load(self, prefix: str) -> list[str]: ...

    def __contains__(self, name: object) -> bool: ...

    def __getitem__(self, name: str) -> JSON: ...

    def __setitem__(self, name: str, value: JSON) -> None: ...


def load_casper(state: Names, preset: Preset) -> CasperState:
    """The state's Casper part as objects; InvalidGenesis before the last founding validator."""
    if "casper" not in state:
        raise InvalidGenesis("the network is not founded yet", expected="its validators", got="too few")
    own = _shape(state["casper"], "bits", "finalized", "justified", "previous_justified", "slashings", "slot")
    validators, balances = read_registry(_chunks(state, "registry/"), _chunks(state, "balance/"))
    current, previous = _participation(state, len(validators))
    mixes = [_mix(str(text)) for chunk in _chunks(state, "mix/") for text in _array(chunk)]
    return CasperState(
        preset=preset,
        slot=Slot(own.integer("slot")),
        validators=validators,
        balances=balances,
        slashings=_slashings(own.value("slashings"), preset.epochs_per_slashings_vector),
        randao_mixes=mixes,
        previous_epoch_participation=previous,
        current_epoch_participation=current,
        boundary_roots={epoch: root for epoch, (_, root) in load_boundaries(state).items()},
        justification_bits=[bit == 1 for bit in own.array("bits")],
        previous_justified_checkpoint=_checkpoint(own.value("previous_justified")),
        current_justified_checkpoint=_checkpoint(own.value("justified")),
        finalized_checkpoint=_checkpoint(own.value("finalized")),
    )


def read_registry(registry: Iterable[JSON], balance: Iterable[JSON]) -> tuple[list[Validator], list[Weight]]:
    """The validators and their balances, by index, of the values of `registry/<n>` and `balance/<n>` in order."""
    validators: list[Validator] = []
    balances: list[Weight] = []
    for chunk, weights in zip(registry, balance, strict=True):
        rows, balance_rows = list(_rows(chunk, 5)), list(_rows(weights, 2))
        if len(rows) != len(balance_rows):
            raise MalformedEntry("state: a balance for each validator", expected=len(rows), got=len(balance_rows))
        for (maximum, activation, exit_epoch, withdrawable, slashed), (weight, effective) in zip(
            rows, balance_rows, strict=True
        ):
            balances.append(Weight(weight))
            validators.append(
                Validator(
                    effective_balance=Weight(effective),
                    max_effective_balance=Weight(maximum),
                    activation_epoch=Epoch(activation),
                    exit_epoch=Epoch(exit_epoch),
                    withdrawable_epoch=Epoch(withdrawable),
                    slashed=bool(slashed),
                )
            )
    return validators, balances


def store_casper(state: Names, casper: CasperState, written: Written | None = None) -> None:
    """Writes the objects into the state, as far as they differ from what stands there.

    `written` remembers them for the next call, which then leaves out what is as it was.
    """
    state["casper"] = {
        "bits": [int(bit) for bit in casper.justification_bits],
        "finalized": checkpoint_to_json(casper.finalized_checkpoint),
        "justified": checkpoint_to_json(casper.current_justified_checkpoint),
        "previous_justified": checkpoint_to_json(casper.previous_justified_checkpoint),
        "slashings": {str(place): weight for place, weight in enumerate(casper.slashings) if weight},
        "slot": casper.slot,
    }
    written = {} if written is None else written
    rows = list(map(_REGISTRY_ROW, casper.validators))
    weights = list(zip(casper.balances, map(_EFFECTIVE_BALANCE, casper.validators), strict=True))
    votes = list(zip(casper.current_epoch_participation, casper.previous_epoch_participation, strict=True))
    _store_chunks(state, "registry/", VALIDATORS_PER_CHUNK, rows, _registry_to_json, written)
    _store_chunks(state, "balance/", VALIDATORS_PER_CHUNK, weights, lambda part: [*map(list, part)], written)
    _store_chunks(state, "participation/", VALIDATORS_PER_CHUNK, votes, _votes_to_json, written)
    _store_chunks(state, "mix/", MIXES_PER_CHUNK, casper.randao_mixes, lambda part: [*map(to_base64, part)], written)


@lru_cache(maxsize=2048)
def _mix(text: str) -> bytes:
    """The mix, read once however often the state is loaded: of a thousand, one changes in an epoch."""
    return from_base64(text)


def load_boundaries(state: Names) -> dict[Epoch, tuple[int, bytes]]:
    """Size and root of the log at the boundaries of this and the last epoch, as far as they are reached."""
    if "boundaries" not in state:
        return {}
    value = state["boundaries"]
    if not isinstance(value, dict):
        raise MalformedEntry("state: boundaries", expected="object", got=type(value).__name__)
    found = {}
    for epoch, item in value.items():
        shape = _shape(item, "root", "size")
        found[Epoch(int(epoch))] = shape.integer("size"), shape.digest("root", size=HASH_SIZE)
    return found


def store_boundaries(state: Names, boundaries: dict[Epoch, tuple[int, bytes]]) -> None:
    state["boundaries"] = {
        str(epoch): {"root": to_base64(root), "size": size} for epoch, (size, root) in boundaries.items()
    }


def checkpoint_to_json(checkpoint: Checkpoint) -> JSON:
    return {"epoch": checkpoint.epoch, "root": to_base64(checkpoint.root)}


def checkpoints_of(casper: JSON) -> tuple[Checkpoint, Checkpoint, Checkpoint]:
    """Finalized, justified and previously justified checkpoint of the value of `casper`; MalformedEntry for another."""
    shape = _shape(casper, "bits", "finalized", "justified", "previous_justified", "slashings", "slot")
    names = ("finalized", "justified", "previous_justified")
    finalized, justified, previous = (_checkpoint(shape.value(name)) for name in names)
    return finalized, justified, previous


def _checkpoint(value: JSON) -> Checkpoint:
    shape = _shape(value, "epoch", "root")
    return Checkpoint(Epoch(shape.integer("epoch")), shape.digest("root", size=HASH_SIZE))


def _chunks(state: Names, prefix: str) -> Iterator[JSON]:
    for number in sorted(map(int, state.load(prefix))):
        yield state[f"{prefix}{number}"]


def _store_chunks(
    state: Names,
    prefix: str,
    width: int,
    items: Sequence[T],
    encode: Callable[[Sequence[T]], JSON],
    written: Written,
) -> None:
    before = written.get(prefix, ())
    if items == before:
        return
    for number, start in enumerate(range(0, len(items), width)):
        part = items[start : start + width]
        if part != before[start : start + width]:
            state[f"{prefix}{number}"] = encode(part)
    written[prefix] = list(items)


def _registry_to_json(rows: Sequence[tuple[int, int, int, int, bool]]) -> JSON:
    return [[*numbers, int(slashed)] for *numbers, slashed in rows]


def _votes_to_json(votes: Sequence[tuple[bool, bool]]) -> JSON:
    return [_to_bits([current for current, _ in votes]), _to_bits([previous for _, previous in votes])]


def _participation(state: Names, count: int) -> tuple[list[bool], list[bool]]:
    current: list[bool] = []
    previous: list[bool] = []
    for chunk in _chunks(state, "participation/"):
        width = min(VALIDATORS_PER_CHUNK, count - len(current))
        now, before = _array(chunk)
        current += _from_bits(now, width)
        previous += _from_bits(before, width)
    return current, previous


def _to_bits(flags: Sequence[bool]) -> str:
    return f"{sum(1 << place for place, flag in enumerate(flags) if flag):x}"


def _from_bits(value: JSON, width: int) -> list[bool]:
    bits = int(str(value), 16)
    return [bool(bits >> place & 1) for place in range(width)]


def _slashings(value: JSON, length: int) -> list[Weight]:
    slashings = [Weight(0)] * length
    if not isinstance(value, dict):
        raise MalformedEntry("state: slashings", expected="object", got=type(value).__name__)
    for place, weight in value.items():
        slashings[int(place)] = Weight(int(str(weight)))
    return slashings


def _rows(chunk: JSON, width: int) -> Iterator[list[int]]:
    for row in _array(chunk):
        numbers = [number for number in _array(row) if isinstance(number, int)]
        if len(numbers) != width:
            raise MalformedEntry("state: a row of the registry", expected=f"{width} numbers", got=len(numbers))
        yield numbers


def _array(value: JSON) -> list[JSON]:
    if not isinstance(value, list):
        raise MalformedEntry("state: casper", expected="array", got=type(value).__name__)
    return value


def _shape(value: JSON, *members: str) -> Shape:
    return Shape(value, what="state: casper", members=members, error=MalformedEntry)
