"""A beacon that says whatever a test has it say, over HTTP, with the real keys of beacon and validators."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.network.key_files import read_key
from apps.network.network_file import NetworkFile, validator_key_name
from audit_chain.beacon.entries import Member as MemberEntry
from audit_chain.beacon.entries import Pool as PoolEntry
from audit_chain.beacon.names import beacon_origin
from audit_chain.errors import AuditChainError
from audit_chain.log.keys import CosignerEd25519, NoteSigner
from audit_chain.log.note import Note
from audit_chain.log.sealed_log import SealedLog
from audit_chain.log.store import MemoryLogStore, Seal
from audit_chain.log.tiles import ENTRIES, TILE_WIDTH, encode_entry_bundle, parse_tile_path
from audit_chain.merkle.hashing import HASH_SIZE
from tests.nodes.cast import Member, Pool


class History:
    """One history of the beacon's log."""

    def __init__(self, network: NetworkFile, var_dir: Path) -> None:
        self.network = network
        self.store = MemoryLogStore()
        self.log = SealedLog(
            self.store,
            NoteSigner(beacon_origin(network.network), read_key(var_dir / "keys" / "beacon.pem", Ed25519PrivateKey)),
        )
        self.cosigners = [
            CosignerEd25519(
                validator_key_name(network.network, node.name),
                read_key(var_dir / "keys" / "validators" / node.name / "ed25519.pem", Ed25519PrivateKey),
            )
            for node in network.validators
        ]
        self.slot = 0
        self.block(network.genesis_entry())

    def block(self, *entries: bytes) -> Seal:
        self.slot += 1
        self.log.append(entries)
        seal = self.log.seal("2026-11-22T15:40:00Z", heartbeat=True, extra={"slot": self.slot})
        assert seal
        return seal

    def register(self, member: Member, *pools: Pool) -> Seal:
        entries = [MemberEntry(member.name, member.signer.verifier_key).encode()]
        entries += [PoolEntry(pool.name, member.name, pool.signer.verifier_key).encode() for pool in pools]
        return self.block(*entries)

    def cosigned(self, seal: Seal, *, count: int = 3) -> bytes:
        """The seal's checkpoint with the cosignatures of the first `count` validators."""
        note = Note.parse(seal.note)
        signatures = [cosigner.cosign(note.text, 1_800_000_000) for cosigner in self.cosigners[:count]]
        return note.with_signatures(*signatures).render()


class FalseBeacon:
    """Serves `history` with `checkpoint`; both may be exchanged at any time."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.checkpoint = b""
        self.asked: list[str] = []

    def show(self, history: History, seal: Seal, *, count: int = 3) -> None:
        self.history, self.checkpoint = history, history.cosigned(seal, count=count)

    def answer(self, path: str) -> bytes | None:
        self.asked.append(path)
        if path == "/log/checkpoint":
            return self.checkpoint
        tile = parse_tile_path(path.removeprefix("/log/"))
        if tile.level == ENTRIES:
            first = tile.index * TILE_WIDTH
            return self.spoil(encode_entry_bundle(self.history.store.read_entries(first, first + tile.width)))
        return self.history.store.read_tiles([(tile.level, tile.index)])[tile.level, tile.index][
            : tile.width * HASH_SIZE
        ]

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
