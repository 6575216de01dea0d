"""The simulated world: one clock, one source of chance, and a network that loses, delays, doubles and reorders."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random

Action = Callable[[], None]


class World:
    """Events in order of their time; whatever happens goes into the trace, whose hash stands for the whole run."""

    def __init__(self, seed: int, *, start: int) -> None:
        self.random = Random(seed)
        self.start = start
        self.seconds = 0.0
        self.trace: list[str] = []
        self._hash = sha256()
        self._events: list[tuple[float, int, Action]] = []
        self._count = 0

    @property
    def now(self) -> float:
        """POSIX seconds."""
        return self.start + self.seconds

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def after(self, delay: float, action: Action) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.seconds + delay, self._count, action))

    def note(self, who: str, what: str) -> None:
        line = f"{self.seconds:9.3f} {who:<14} {what}"
        self.trace.append(line)
        self._hash.update(line.encode() + b"\n")

    def run(self, *, until: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Lets everything happen that is due by then, or until `stop` says so, which is asked once a second."""
        while self.seconds < until and not stop():
            moment = min(until, self.seconds + 1)
            while self._events and self._events[0][0] <= moment:
                self.seconds, _, action = heapq.heappop(self._events)
                action()
            self.seconds = moment


@dataclass
class Node:
    """Who sends and receives. Its clock may be wrong; while it is down, it neither hears nor does anything."""

    name: str
    world: World
    network: "Network"
    up: bool = True
    skew: float = 0.0

    @property
    def clock(self) -> int:
        """POSIX seconds, as this node believes."""
        return int(self.world.now + self.skew)

    def note(self, what: str) -> None:
        self.world.note(self.name, what)

    def send(self, receiver: "Node", deliver: Action) -> None:
        self.network.send(self, receiver, deliver)


@dataclass
class Network:
    """Messages between nodes. Nodes of different `sides` cannot reach each other."""

    world: World
    loss: float = 0.0
    doubling: float = 0.0
    delay: tuple[float, float] = (0.02, 0.2)
    sides: dict[str, int] = field(default_factory=dict)

    def send(self, sender: Node, receiver: Node, deliver: Action) -> None:
        random = self.world.random
        copies = 2 if random.random() < self.doubling else 1
        for _ in range(copies):
            delay, lost = random.uniform(*self.delay), random.random() < self.loss
            if not lost and self._reaches(sender, receiver):
                self.world.after(delay, lambda: self._deliver(sender, receiver, deliver))

    def heal(self) -> None:
        self.loss = self.doubling = 0.0
        self.delay = (0.02, 0.2)
        self.sides = {}

    def _reaches(self, sender: Node, receiver: Node) -> bool:
        return self.sides.get(sender.name, 0) == self.sides.get(receiver.name, 0)

    def _deliver(self, sender: Node, receiver: Node, deliver: Action) -> None:
        if receiver.up and self._reaches(sender, receiver):
            deliver()
