"""A network in memory that answers over HTTP as beacon and validators do, truly or not."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from apps.network import beacon_api as api
from apps.network import wire
from apps.network.network_file import BeaconNode, NetworkFile, ValidatorNode
from apps.network.validator_api import Following, ValidatorStatus, WitnessedLog
from audit_chain import canonical
from audit_chain.beacon.entries import Attestation, Seal, parse_entry
from audit_chain.beacon.state import get_crosslink, get_pools
from audit_chain.encoding import to_time
from audit_chain.log.note import Note
from audit_chain.log.tiles import ENTRIES, TILE_WIDTH, encode_entry_bundle, parse_tile_path
from audit_chain.merkle.hashing import HASH_SIZE
from audit_chain.testing import KEYS_FROM, KEYS_UNTIL, NETWORK, ExampleNetwork


def next_epoch(chain: ExampleNetwork, count: int = 1) -> None:
    """Seals blocks until so many epochs have begun."""
    for _ in range(count):
        begun = len(chain.boundaries)
        while len(chain.boundaries) == begun:
            chain.seal()


class Nodes:
    """What beacon and validators say. Everything may be spoiled by whoever has the object."""

    def __init__(self, chain: ExampleNetwork) -> None:
        self.chain = chain
        self.names = [validator.name for validator in chain.validators]
        self.problems: dict[str, str] = {}
        self.silent: set[str] = set()
        self.heads: dict[str, list[Note]] = {name: [] for name in self.names}
        self.times: dict[tuple[str, str], int] = {}
        self.extra_keys: dict[str, list[str]] = {}
        self.exited: set[str] = set()
        self.slashings: list[dict[str, Any]] = []
        self.slashing_status = 202
        self.hooks: list[tuple[dict[str, str], bytes]] = []
        self.hook_status = 200
        self.url = ""

    def network(self) -> NetworkFile:
        nodes = [
            ValidatorNode(
                name=one.name,
                url=f"{self.url}/{one.name}",
                keys=one.key_set.keys,
                governance=one.governance.verifier_key,
                not_before=KEYS_FROM,
                not_after=KEYS_UNTIL,
            )
            for one in self.chain.validators
        ]
        return NetworkFile(
            network=NETWORK,
            beacon=BeaconNode(f"{self.url}/beacon", self.chain.beacon_signer.verifier_key),
            validators=tuple(nodes),
        )

    def show(self, note: Note, *names: str) -> None:
        """These validators show the checkpoint as the latest that they have cosigned of its log."""
        for name in names or self.names:
            origin = note.text.split("\n", 1)[0]
            self.heads[name] = [one for one in self.heads[name] if one.text.split("\n", 1)[0] != origin] + [note]

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        node, _, rest = urlsplit(path).path.lstrip("/").partition("/")
        if node in self.silent:
            return 503, b""
        if node == "beacon":
            return self._beacon(method, rest, parse_qs(urlsplit(path).query), body)
        return self._validator(node, rest)

    # The beacon

    def _beacon(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, bytes]:
        match [method, *path.split("/")]:
            case ["GET", "validators"]:
                return 200, wire.to_text(self._validators())
            case ["GET", "epochs"]:
                limit = int(query["limit"][0])
                return 200, wire.to_text(api.EpochPage(tuple(self._epochs()[:limit]), None))
            case ["GET", "pools"]:
                return 200, wire.to_text(api.Pools(tuple(self._pools())))
            case ["GET", "blocks"]:
                return 200, wire.to_text(api.BlockPage((self._latest(),), None))
            case ["GET", "blocks", _]:
                note = self.chain.log.note(self._latest().size).decode()
                return 200, wire.to_text(api.Block(self._latest(), note, ()))
            case ["GET", "entries", index]:
                (entry,) = self.chain.store.read_entries(int(index), int(index) + 1)
                return 200, wire.to_text(api.Entry(entry.decode(), "", int(index), 0, "", True))
            case ["GET", "log", "checkpoint"]:
                if not self.chain.finalized:
                    return 404, b"{}"
                return 200, self.chain.notes[self.chain.finalized[-1]].render()
            case ["GET", "log", *tile]:
                return self._tile("/".join(tile))
            case ["POST", "slashings"]:
                self.slashings.append(json.loads(body))
                return self.slashing_status, wire.to_text(api.Receipt(None))
            case ["POST", "state", "proof"]:
                name = json.loads(body)["name"]
                size = self.chain.finalized[-1]
                sealed = self.chain.sealed_state(size, ["casper", "network", name])
                text = canonical.encode(sealed.to_json()).decode()
                return 200, wire.to_text(api.StateAnswer(size, None, "", text))
        return 404, b"{}"

    def _validators(self) -> api.Validators:
        states = [
            api.ValidatorState(
                name=one.name,
                index=index,
                url=None,
                keys=tuple(map(str, one.key_set.keys)),
                key_sets=(
                    api.KeyValidity(tuple(map(str, one.key_set.keys)), one.key_set.not_before, one.key_set.not_after),
                ),
                governance=str(one.governance.verifier_key),
                balance=32,
                weight=32,
                status="exited" if one.name in self.exited else "active",
                votes=0,
                epochs=0,
                last_epoch=None,
                cosigned=None,
            )
            for index, one in enumerate(self.chain.validators)
        ]
        return api.Validators(0, 0, 0, self.chain.epoch, 0, 0, tuple(states))

    def _epochs(self) -> list[api.EpochSummary]:
        voters: dict[int, set[str]] = {}
        seals: dict[int, Seal] = {}
        size = self.chain.store.head().tree_size
        for index, data in enumerate(self.chain.store.read_entries(0, size)):
            entry = parse_entry(data)
            if isinstance(entry, Attestation):
                voters.setdefault(entry.epoch, set()).update(self.names[vote.validator] for vote in entry.votes)
            elif isinstance(entry, Seal):
                seals[index + 1] = entry
        casper = self.chain.state.casper
        epochs = [
            api.EpochSummary(
                epoch=boundary.epoch,
                first_slot=boundary.epoch * self.chain.slots_per_epoch,
                size=at,
                root=boundary.root,
                time=seals[at].time,
                justified=boundary.epoch <= casper.current_justified_checkpoint.epoch,
                finalized=boundary.epoch <= casper.finalized_checkpoint.epoch,
                voted=0,
                total=0,
                voters=tuple(sorted(voters.get(boundary.epoch, ()))),
                entries=0,
                crosslinks=0,
            )
            for boundary, at in self.chain.boundaries.items()
        ]
        return sorted(epochs, key=lambda one: -one.epoch)

    def _pools(self) -> Iterator[api.PoolState]:
        placement = api.Placement(0, 0, to_time(self.chain.clock - 30), True)
        for pool in get_pools(self.chain.state):
            link = get_crosslink(self.chain.state, pool.name)
            time = None if link.index is None else to_time(self.times.get(("crosslink", pool.name), self.chain.clock))
            current = api.PoolCrosslink(pool.name, link.epoch, link.index, link.size, link.root, 0, time, True)
            yield api.PoolState(pool.name, pool.member, str(pool.key), pool.suspended, placement, current)

    def _latest(self) -> api.BlockSummary:
        size = self.chain.store.head().tree_size
        seal = parse_entry(self.chain.store.read_entries(size - 1, size)[0])
        assert isinstance(seal, Seal)
        return api.BlockSummary(seal.slot, 0, seal.time, 0, size, self.chain.log.root(size), 0, 0, False, ())

    def _tile(self, path: str) -> tuple[int, bytes]:
        tile = parse_tile_path(path)
        if tile.level == ENTRIES:
            first = tile.index * TILE_WIDTH
            return 200, encode_entry_bundle(self.chain.store.read_entries(first, first + tile.width))
        key = (tile.level, tile.index)
        return 200, self.chain.store.read_tiles([key])[key][: tile.width * HASH_SIZE]

    # The validators

    def _validator(self, name: str, path: str) -> tuple[int, bytes]:
        if path == "status":
            return 200, wire.to_text(self._status(name))
        wanted, _, rest = path.partition("/")
        for note in self.heads[name]:
            origin = note.text.split("\n", 1)[0]
            if rest == "checkpoint" and hashlib.sha256(origin.encode()).hexdigest() == wanted:
                return 200, note.render()
        return 404, b""

    def _status(self, name: str) -> ValidatorStatus:
        logs = []
        for note in self.heads[name]:
            origin, size, root, *_ = note.text.split("\n")
            time = to_time(self.times.get(("head", name), self.chain.clock))
            logs.append(WitnessedLog(origin, int(size), wire.from_json(bytes, root), time))
        keys = next(tuple(map(str, one.key_set.keys)) for one in self.chain.validators if one.name == name)
        return ValidatorStatus(
            name=name,
            network=NETWORK,
            keys=(*keys, *self.extra_keys.get(name, ())),
            logs=tuple(logs),
            beacon=Following(f"{self.url}/beacon", 41, self.problems.get(name)),
        )


@contextmanager
def serving(nodes: Nodes) -> Iterator[Nodes]:
    """The nodes, answering on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one piece

        def do_GET(self) -> None:
            self._respond("GET")

        def do_POST(self) -> None:
            self._respond("POST")

        def _respond(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/hook":
                nodes.hooks.append((dict(self.headers), body))
                status, content = nodes.hook_status, b""
            else:
                status, content = nodes.answer(method, self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    nodes.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield nodes
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
