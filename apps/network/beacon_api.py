"""What is said to and by a beacon, as it stands in JSON; docs/spec/beacon-api.md explains each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Head:
    """Size and root of a log."""

    root: bytes
    size: int


@dataclass(frozen=True, slots=True)
class CrosslinkSubmission:
    """`checkpoint` is the pool's signed and cosigned note, `parent` what it follows: the pool's current crosslink.

    `epoch` is that of the committee whose cosignatures it has.
    """

    pool: str
    epoch: int
    parent: Head
    checkpoint: str


@dataclass(frozen=True, slots=True)
class EvidenceSubmission:
    deposit: str


@dataclass(frozen=True, slots=True)
class EvidenceQuestion:
    sha256: str


@dataclass(frozen=True, slots=True)
class MemberSubmission:
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class PoolSubmission:
    name: str
    member: str
    key: str


@dataclass(frozen=True, slots=True)
class BallotSubmission:
    """A ballot's note, signed with a validator's governance key."""

    ballot: str


@dataclass(frozen=True, slots=True)
class RotationSubmission:
    """A rotation's note, signed with a validator's governance key."""

    rotation: str


@dataclass(frozen=True, slots=True)
class SlashingSubmission:
    """The text of an evidence file, and the member or validator who is credited with it."""

    proof: str
    reporter: str | None


@dataclass(frozen=True, slots=True)
class StateQuestion:
    """A name of the state map, as of the sealed tree of `size`; None asks for the latest final boundary."""

    name: str
    size: int | None


@dataclass(frozen=True, slots=True)
class HashQuestion:
    """32 bytes in lowercase hex: the root of a tree, or the leaf hash of an entry."""

    hash: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """`index` in the beacon's log; None while the submission waits for the sequencer."""

    index: int | None


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an entry stands: its block, that block's time, and whether a final checkpoint covers it."""

    index: int
    block: int
    time: str
    final: bool


@dataclass(frozen=True, slots=True)
class PoolCrosslink:
    """A pool's current crosslink; before the first, size 0, the empty root, no index and no epoch."""

    pool: str
    epoch: int | None
    index: int | None
    size: int
    root: bytes
    block: int | None
    time: str | None
    final: bool


@dataclass(frozen=True, slots=True)
class PoolState:
    name: str
    member: str
    key: str
    suspended: bool
    registered: Placement
    crosslink: PoolCrosslink


@dataclass(frozen=True, slots=True)
class MemberState:
    name: str
    key: str
    suspended: bool
    registered: Placement


@dataclass(frozen=True, slots=True)
class Deposit:
    member: str
    index: int
    block: int
    time: str
    final: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log: `entry` is its canonical text."""

    entry: str
    type: str
    index: int
    block: int
    time: str
    final: bool


@dataclass(frozen=True, slots=True)
class EntryProof:
    """An entry's canonical text, its tlog-proof against the first finalized checkpoint over it, and why that is final.

    `finality` is a sealed state of a later boundary, as canonical JSON.
    """

    entry: str
    proof: str
    finality: str


@dataclass(frozen=True, slots=True)
class FinalityProof:
    """A finalized checkpoint's note with its cosignatures, and the sealed state of the boundary that finalizes it."""

    epoch: int
    size: int
    checkpoint: str
    finality: str


@dataclass(frozen=True, slots=True)
class StateAnswer:
    """A value of the state map (None where it has no such name) with its proof.

    `sealed` is the sealed state, as canonical JSON, that holds value and proof: the boundary's note with its
    cosignatures, and `casper` and `network` besides.
    """

    size: int
    value: str | None
    proof: str
    sealed: str


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the state map's names, and the root of its part of the tree."""

    name: str
    root: bytes


@dataclass(frozen=True, slots=True)
class Sections:
    size: int
    root: bytes
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Committee:
    """Who has to cosign a pool's checkpoint for a crosslink of this epoch."""

    epoch: int
    validators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BlockSummary:
    """Entries `first` up to `size`, the last of them the seal; `root` is that of the tree of `size`.

    `entries` counts those that somebody handed in: neither votes nor the seal. Only an epoch's first block has
    cosigners.
    """

    number: int
    epoch: int
    time: str
    first: int
    size: int
    root: bytes
    entries: int
    crosslinks: int
    final: bool
    cosigners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EntryLine:
    index: int
    type: str


@dataclass(frozen=True, slots=True)
class Block:
    block: BlockSummary
    checkpoint: str
    entries: tuple[EntryLine, ...]


@dataclass(frozen=True, slots=True)
class BlockPage:
    """Newest first; ask again with `before` for the next page, unless it is None."""

    blocks: tuple[BlockSummary, ...]
    before: int | None


@dataclass(frozen=True, slots=True)
class EpochSummary:
    """An epoch: its boundary (the tree that its first block ends with), and what came of the votes for it.

    `voted` and `total` are weights in balance units, a billion to one unit of weight. `finalized` is said of what a
    later finalized boundary covers, too.
    """

    epoch: int
    first_slot: int
    size: int
    root: bytes
    time: str
    justified: bool
    finalized: bool
    voted: int
    total: int
    voters: tuple[str, ...]
    entries: int
    crosslinks: int


@dataclass(frozen=True, slots=True)
class EpochPage:
    """Newest first; ask again with `before` for the next page, unless it is None."""

    epochs: tuple[EpochSummary, ...]
    before: int | None


@dataclass(frozen=True, slots=True)
class PoolCommittee:
    """`validators` is None where the epoch lies too far back for the state to know."""

    pool: str
    validators: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Epoch:
    epoch: EpochSummary
    committees: tuple[PoolCommittee, ...]
    blocks: tuple[BlockSummary, ...]


@dataclass(frozen=True, slots=True)
class PlacedCrosslink:
    """A crosslink's entry and block; `epoch` is that of the block."""

    pool: str
    index: int
    block: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Crosslinks:
    crosslinks: tuple[PlacedCrosslink, ...]


@dataclass(frozen=True, slots=True)
class HashPlaces:
    """The block whose tree has a root, and the first entry with a leaf hash."""

    block: int | None
    entry: int | None


@dataclass(frozen=True, slots=True)
class Alert:
    """What the monitor found, open while `cleared` is None; `evidence` is the SHA-256 (hex) of the file that proves it,
    if there is one.
    """

    kind: str
    subject: str
    since: str
    cleared: str | None
    number: int | None
    detail: str
    evidence: str | None


@dataclass(frozen=True, slots=True)
class Alerts:
    """Open ones first."""

    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class Offence:
    """A lie that was proven; `offender` is a validator, a pool, or the origin of a beacon's log."""

    kind: str
    offender: str
    reporter: str | None
    entry: Placement


@dataclass(frozen=True, slots=True)
class Offences:
    offences: tuple[Offence, ...]


@dataclass(frozen=True, slots=True)
class Motion:
    """A motion as canonical JSON, who said yes to it, and the entries that brought it up and carried it."""

    digest: bytes
    action: str
    motion: str
    expires: int
    voters: tuple[str, ...]
    moved: Placement
    carried: Placement | None


@dataclass(frozen=True, slots=True)
class Motions:
    """The latest first; ballots count by weight, in balance units, and two thirds of `total` carry a motion."""

    epoch: int
    total: int
    motions: tuple[Motion, ...]


@dataclass(frozen=True, slots=True)
class KeyValidity:
    """A validator's keys, and from when until when they speak for it."""

    keys: tuple[str, ...]
    not_before: str
    not_after: str


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The greatest tree that a validator has cosigned, as far as this beacon saw."""

    size: int
    block: int
    time: str


@dataclass(frozen=True, slots=True)
class ValidatorState:
    """A validator, as the state has it; `url` is None for one that the network file does not know.

    `balance` and `weight` (its effective balance) are in balance units. `status` is pending, active, exiting, exited or
    slashed. `votes` of the last `epochs` ended epochs in which it was active are in the log.
    """

    name: str
    index: int
    url: str | None
    keys: tuple[str, ...]
    key_sets: tuple[KeyValidity, ...]
    governance: str
    balance: int
    weight: int
    status: str
    votes: int
    epochs: int
    last_epoch: int | None
    cosigned: Cosigned | None


@dataclass(frozen=True, slots=True)
class Validators:
    """`size` is that of the latest sealed tree, `final_size` that of the latest final one.

    `waiting` counts what was handed in and is not final, queued or in a block. Votes and seals are always left over.
    """

    size: int
    final_size: int
    waiting: int
    epoch: int
    justified_epoch: int
    finalized_epoch: int
    validators: tuple[ValidatorState, ...]


@dataclass(frozen=True, slots=True)
class Pools:
    pools: tuple[PoolState, ...]


@dataclass(frozen=True, slots=True)
class Members:
    members: tuple[MemberState, ...]


@dataclass(frozen=True, slots=True)
class Deposits:
    """Deposits of a file, and the sealed state of the latest final boundary, as canonical JSON.

    It has the deposits, or proves that there were none then; None before the first boundary is final.
    """

    deposits: tuple[Deposit, ...]
    sealed: str | None


@dataclass(frozen=True, slots=True)
class Problem:
    """`code` is for programs, `message` for people, `where` names the member of the request at fault."""

    code: str
    message: str
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    error: Problem


@dataclass(frozen=True, slots=True)
class ParentRefusal:
    """The crosslink's parent is not the pool's current crosslink, which is `current`."""

    error: Problem
    current: Head


@dataclass(frozen=True, slots=True)
class FinalityRefusal:
    """No finalized checkpoint covers the entry yet; the latest one has `final_size` entries."""

    error: Problem
    final_size: int
