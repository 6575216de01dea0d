"""The chain as a picture: epochs from left to right, the shared chain on top, a lane for each pool below it.

Everything is placed here; the template only draws. States differ in shape as well as in colour: a whole notch with a
tick is final, one filled up to the middle is justified, a dashed one collects signatures, a crossed one got too few.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.exchange.chain import ChainNow
from apps.network.beacon_api import PoolState
from apps.portal.explorer import EpochLine
from apps.portal.wording import listed

LANES = 8  # pools; those that committed last come first
SLANT = 4
SEGMENT = 20  # height
PEG = 10


@dataclass(frozen=True, slots=True)
class Layout:
    """Pixels of the drawing's own grid. With `labels_above` a lane's name stands over it, not before it."""

    name: str
    columns: int
    width: int
    gutter: int
    labels_above: bool


WIDE = Layout("wide", columns=14, width=1120, gutter=168, labels_above=False)
NARROW = Layout("narrow", columns=5, width=320, gutter=2, labels_above=True)


@dataclass(frozen=True, slots=True)
class Segment:
    """One epoch on the shared chain; `half` is the lower half of its outline, `bar` of `full` the weight that voted."""

    number: int
    state: str
    outline: str
    half: str
    tick: str
    cross: str
    centre: int
    left: int
    bar: int
    full: int
    title: str


@dataclass(frozen=True, slots=True)
class Peg:
    """A pool's crosslinks in an epoch, and the line that ties them to the shared chain."""

    x: int
    left: int
    top: int
    chain: int
    state: str
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    name: str
    label_y: int
    outline: str
    suspended: bool
    pegs: tuple[Peg, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """`left_out` counts the pools that have no lane."""

    layout: str
    width: int
    height: int
    label_y: int
    number_y: int
    chain_y: int
    bar_y: int
    title: str
    description: str
    segments: tuple[Segment, ...]
    lanes: tuple[Lane, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where things stand."""

    layout: Layout
    lanes: int

    @property
    def step(self) -> int:
        return (self.layout.width - self.layout.gutter) // self.layout.columns

    @property
    def chain_y(self) -> int:
        return 38 if self.layout.labels_above else 24

    @property
    def lane_step(self) -> int:
        return 40 if self.layout.labels_above else 34

    @property
    def height(self) -> int:
        return self.lane_y(self.lanes) - (14 if self.layout.labels_above else 10)

    def left(self, column: int) -> int:
        return self.layout.gutter + column * self.step

    def lane_y(self, lane: int) -> int:
        return self.chain_y + SEGMENT + (52 if self.layout.labels_above else 38) + lane * self.lane_step


def picture(now: ChainNow, lines: Sequence[EpochLine], layout: Layout) -> Picture:
    """The picture of the newest epochs; `lines` come newest first."""
    shown = list(reversed(lines[: layout.columns]))
    latest = sorted(now.pools, key=lambda pool: (-(pool.crosslink.index or -1), pool.name))[:LANES]
    pools = sorted(latest, key=lambda pool: pool.name)
    grid = _Grid(layout, len(pools))
    return Picture(
        layout=layout.name,
        width=layout.width,
        height=grid.height,
        label_y=14 if layout.labels_above else grid.chain_y + 15,
        number_y=grid.chain_y - 8,
        chain_y=grid.chain_y,
        bar_y=grid.chain_y + SEGMENT + 3,
        title="The shared chain and its pools, epoch by epoch",
        description=_description(now, shown),
        segments=tuple(_segment(grid, line, column) for column, line in enumerate(shown)),
        lanes=tuple(_lane(grid, pool, place, shown) for place, pool in enumerate(pools)),
        left_out=len(now.pools) - len(pools),
    )


def _segment(grid: _Grid, line: EpochLine, column: int) -> Segment:
    left, top, width = grid.left(column), grid.chain_y, grid.step - 3
    centre, bottom, full = left + width // 2, top + SEGMENT, width - 2 * SLANT
    half = f"M{left + SLANT // 2} {top + SEGMENT // 2} H{left + width - SLANT // 2} L{left + width} {bottom}"
    return Segment(
        number=line.number,
        state=line.state,
        outline=_outline(left, top, width, SEGMENT),
        half=f"{half} H{left + SLANT} Z",
        tick=f"M{centre - 5} {top + 10} l4 4 l7 -8",
        cross=f"M{centre - 4} {top + 6} l8 8 m0 -8 l-8 8",
        centre=centre,
        left=left + SLANT,
        bar=full * line.share // 100,
        full=full,
        title=f"Epoch {line.number:,}: {line.word}, {line.share} % of the weight signed",
    )


def _lane(grid: _Grid, pool: PoolState, place: int, shown: Sequence[EpochLine]) -> Lane:
    top = grid.lane_y(place)
    return Lane(
        name=pool.name,
        label_y=top + (-7 if grid.layout.labels_above else 9),
        outline=_outline(grid.layout.gutter, top, grid.step * grid.layout.columns - 3, 10),
        suspended=pool.suspended,
        pegs=tuple(
            _peg(grid, line, place, column, count)
            for column, line in enumerate(shown)
            for name, count in line.pools
            if name == pool.name
        ),
    )


def _peg(grid: _Grid, line: EpochLine, place: int, column: int, count: int) -> Peg:
    """Each lane has its own place within a column, so that no line runs over another."""
    x = grid.left(column) + SLANT + (place + 1) * (grid.step - 2 * SLANT) // (grid.lanes + 1)
    links = "linked" if count == 1 else f"linked {count} times"
    return Peg(
        x=x,
        left=x - PEG // 2,
        top=grid.lane_y(place),
        chain=grid.chain_y + SEGMENT + 8,
        state=line.state,
        title=f"{links} in epoch {line.number:,}",
    )


def _outline(left: int, top: int, width: int, height: int) -> str:
    """A notch: a parallelogram that leans like those of the stick."""
    return f"M{left} {top} H{left + width - SLANT} L{left + width} {top + height} H{left + SLANT} Z"


def _description(now: ChainNow, shown: Sequence[EpochLine]) -> str:
    """The picture in words, for who cannot see it."""
    if not shown:
        return "There is no epoch yet."
    newest, oldest = shown[-1], shown[0]
    linked = sorted({pool for line in shown for pool, _ in line.pools})
    finality = (
        f"Final up to epoch {now.validators.finalized_epoch:,}, justified up to {now.validators.justified_epoch:,}."
    )
    pools = f"Linked in these epochs: {listed(linked)}." if linked else "No pool was linked in these epochs."
    return f"Epochs {oldest.number:,} to {newest.number:,}. {finality} {pools} The table below says the same."
