"""What is said to and by a beacon, as it stands in JSON; docs/spec/beacon-api.md explains each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Head:
    """Size and root of a log."""

    root: bytes
    size: int


@dataclass(frozen=True, slots=True)
class CrosslinkSubmission:
    """`checkpoint` is the pool's signed and cosigned note, `parent` what it follows: the pool's current crosslink."""

    pool: str
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
    """A pool's current crosslink; before the first, size 0, the empty root and no index."""

    pool: str
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
    registered: Placement
    crosslink: PoolCrosslink


@dataclass(frozen=True, slots=True)
class MemberState:
    name: str
    key: str
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
    """An entry's canonical text, and its tlog-proof against the latest final checkpoint."""

    entry: str
    proof: str


@dataclass(frozen=True, slots=True)
class BlockSummary:
    """Entries `first` up to `size`, the last of them the seal; `root` is that of the tree of `size`."""

    number: int
    time: str
    first: int
    size: int
    root: bytes
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
class Cosigned:
    """The greatest tree that a validator has cosigned, as far as this beacon saw."""

    size: int
    block: int
    time: str


@dataclass(frozen=True, slots=True)
class ValidatorState:
    name: str
    url: str
    keys: tuple[str, ...]
    weight: int
    cosigned: Cosigned | None


@dataclass(frozen=True, slots=True)
class Validators:
    """`size` is that of the latest sealed tree, `final_size` that of the latest final one."""

    size: int
    final_size: int
    validators: tuple[ValidatorState, ...]


@dataclass(frozen=True, slots=True)
class Pools:
    pools: tuple[PoolState, ...]


@dataclass(frozen=True, slots=True)
class Members:
    members: tuple[MemberState, ...]


@dataclass(frozen=True, slots=True)
class Deposits:
    deposits: tuple[Deposit, ...]


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
    """No final checkpoint covers the entry yet; the latest one has `final_size` entries."""

    error: Problem
    final_size: int
