"""A beacon in the test's hands: it shows any history under any checkpoint that its key and its validators can sign."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.network.key_files import read_key
from apps.network.network_file import NetworkFile
from audit_chain.beacon.casper.accessors import get_current_epoch
from audit_chain.beacon.entries import Attestation, Crosslink, parse_entry
from audit_chain.beacon.entries import Ballot as BallotEntry
from audit_chain.beacon.entries import Member as MemberEntry
from audit_chain.beacon.entries import Pool as PoolEntry
from audit_chain.beacon.entries import Restart as RestartEntry
from audit_chain.beacon.entries import Seal as SealEntry
from audit_chain.beacon.motion import Ballot, Motion
from audit_chain.beacon.state import State, get_crosslink, get_slot, get_validator
from audit_chain.beacon.transition import compute_seal, process_entry
from audit_chain.beacon.votes import Vote
from audit_chain.canonical import JSON
from audit_chain.encoding import from_time, to_base64, to_time
from audit_chain.errors import AuditChainError
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import CosignerEd25519, NoteSigner
from audit_chain.log.note import Note
from audit_chain.log.sealed_log import SealedLog
from audit_chain.log.store import MemoryLogStore, Seal
from audit_chain.log.tiles import ENTRIES, TILE_WIDTH, encode_entry_bundle, parse_tile_path
from audit_chain.merkle.hashing import HASH_SIZE
from audit_chain.statemap.map import StateMap
from audit_chain.statemap.store import MemoryStateStore
from tests.nodes.cast import Member, Pool


class History:
    """One history of the beacon's log, sealed block by block; `clock` is the time of the last block."""

    def __init__(self, network: NetworkFile, var_dir: Path, *, start: int | None = None) -> None:
        self.network = network
        self.var_dir = var_dir
        self.store = MemoryLogStore()
        origin = network.beacon.key.name.rpartition("/")[2]
        key = read_key(var_dir / "keys" / f"{origin}.pem", Ed25519PrivateKey)
        self.signer = NoteSigner(network.beacon.key.name, key)
        self.log = SealedLog(self.store, self.signer)
        self.cosigners = [
            CosignerEd25519(
                node.keys[0].name,
                read_key(var_dir / "keys" / "validators" / node.name / "ed25519.pem", Ed25519PrivateKey),
            )
            for node in network.validators
        ]
        self.state = State(StateMap(MemoryStateStore()))
        self.clock = int(time.time()) if start is None else start
        for entry in network.genesis_entries():
            self.add(entry)

    def add(self, entry: bytes, *, unchecked: bool = False) -> None:
        """Appends an entry, which the state lets in unless that is not asked for."""
        if not unchecked:
            process_entry(self.state, entry, self.store.head().next_index)
        self.log.append([entry])

    def seal(self, *, spoil: Callable[[SealEntry], SealEntry] = lambda seal: seal) -> Seal:
        """Ends the block."""
        time = to_time(self.clock)
        entry = spoil(compute_seal(self.state, time=time)).encode()
        seal = self.log.seal(time, heartbeat=True, make_entry=lambda _previous, _index: entry)
        assert seal
        self.state.commit(seal.size)
        return seal

    def block(self, *entries: bytes) -> Seal:
        for entry in entries:
            self.add(entry)
        return self.seal()

    def boundary(self, *entries: bytes) -> Seal:
        """Blocks until an epoch's first one, which holds the entries and is voted on."""
        while get_slot(self.state) % self.slots_per_epoch:
            self.block()
        return self.block(*entries)

    @property
    def slots_per_epoch(self) -> int:
        return self.state.casper.preset.slots_per_epoch

    def attest(self, seal: Seal, *, names: Sequence[str], late: bool = False) -> None:
        """Takes votes for the last boundary into the log; `late` where it is that of the epoch before."""
        epoch = get_current_epoch(self.state.casper) - late
        text = Note.parse(seal.note).text
        votes = []
        for node, cosigner in zip(self.network.validators, self.cosigners, strict=True):
            if node.name in names:
                blob = cosigner.cosign(text, self.clock).blob
                votes.append(Vote(get_validator(self.state, node.name).index, blob))
        self.add(Attestation(epoch, seal.size, seal.root, tuple(votes)).encode())

    def register(self, member: Member, *pools: Pool) -> Seal:
        """A boundary whose block registers them."""
        entries = [MemberEntry(member.name, member.signer.verifier_key).encode()]
        entries += [PoolEntry(pool.name, member.name, pool.signer.verifier_key).encode() for pool in pools]
        return self.boundary(*entries)

    def crosslink(self, pool: Pool, seal: Seal) -> None:
        """Takes the pool's checkpoint into the log, cosigned by everybody."""
        note = Note.parse(seal.note)
        note = note.with_signatures(*(cosigner.cosign(note.text, self.clock) for cosigner in self.cosigners))
        current = get_crosslink(self.state, pool.name).as_parent
        self.add(Crosslink(pool.name, get_current_epoch(self.state.casper), current, note).encode())

    def suspend(self, kind: str, name: str) -> None:
        """Takes the votes of all validators for it into the log."""
        content: dict[str, JSON] = {"kind": kind, "name": name}
        motion = Motion("suspend", get_current_epoch(self.state.casper) + 9, bytes(8), content)
        for note in self.ballots(motion):
            self.add(BallotEntry(note).encode())

    def restart(self) -> None:
        """Takes the votes of three validators for going on here, under this network's key, into the log."""
        content: dict[str, JSON] = {
            "key": str(self.network.beacon.key),
            "root": to_base64(self.log.root(self.store.head().tree_size)),
            "size": self.store.head().tree_size,
        }
        expires = get_current_epoch(self.state.casper) + 9
        self.add(RestartEntry(tuple(self.ballots(Motion("restart", expires, bytes(8), content)))).encode())

    def ballots(self, motion: Motion) -> list[Note]:
        """Those of the first three validators."""
        notes = []
        for node in self.network.validators[:3]:
            key = read_key(self.var_dir / "keys" / "validators" / node.name / "governance.pem", Ed25519PrivateKey)
            signer = NoteSigner(node.governance.name, key)
            notes.append(Ballot(self.network.network, node.name, motion).sign(signer))
        return notes

    def claim(self, size: int, root: bytes) -> Seal:
        """A checkpoint of any tree, signed with the beacon's key; there is no such seal."""
        text = LogCheckpoint(self.network.beacon.key.name, size, root).text()
        return Seal(size, root, to_time(self.clock), Note(text, (self.signer.sign(text),)).render())

    def copy_from(self, other: "History", *, size: int | None = None) -> None:
        """Becomes that history up to a seal, to fork from there."""
        self.__init__(self.network, self.var_dir, start=self.clock)  # type: ignore[misc]
        entries = other.store.read_entries(0, other.store.head().next_index if size is None else size)
        for entry in entries[self.store.head().next_index :]:
            parsed = parse_entry(entry)
            if isinstance(parsed, SealEntry):
                self.clock = from_time(parsed.time)
                self.seal()
            else:
                self.add(entry)

    def cosigned(self, seal: Seal, *, count: int = 3) -> bytes:
        """The seal's checkpoint with the cosignatures of the last `count` validators."""
        note = Note.parse(seal.note)
        signatures = [cosigner.cosign(note.text, self.clock) for cosigner in self.cosigners[-count:]]
        return note.with_signatures(*signatures).render()


class FalseBeacon:
    """Serves `history` with `checkpoint`; both may be exchanged at any time."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.checkpoint = b""
        self.sections: dict[str, bytes] = {}
        self.asked: list[str] = []

    def show(self, history: History, seal: Seal, *, count: int = 3) -> None:
        self.history, self.checkpoint = history, history.cosigned(seal, count=count)

    def answer(self, path: str) -> bytes | None:
        self.asked.append(path)
        if path == "/log/checkpoint":
            return self.checkpoint
        if path.startswith("/state/sections"):
            return self._sections()
        tile = parse_tile_path(path.removeprefix("/log/"))
        if tile.level == ENTRIES:
            first = tile.index * TILE_WIDTH
            return self.spoil(encode_entry_bundle(self.history.store.read_entries(first, first + tile.width)))
        return self.history.store.read_tiles([(tile.level, tile.index)])[tile.level, tile.index][
            : tile.width * HASH_SIZE
        ]

    def _sections(self) -> bytes:
        sections = [{"name": name, "root": to_base64(root)} for name, root in sorted(self.sections.items())]
        return json.dumps({"size": 0, "root": to_base64(bytes(32)), "sections": sections}).encode()

    def spoil(self, bundle: bytes) -> bytes:
        """What becomes of each entry bundle: nothing bad, unless a test puts something else here."""
        return bundle

    @contextmanager
    def listening(self, port: int) -> Iterator[None]:
        beacon = self

        class Requests(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    body = beacon.answer(self.path)
                except (AuditChainError, KeyError):
                    body = None
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", port), Requests) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            yield
            server.shutdown()
