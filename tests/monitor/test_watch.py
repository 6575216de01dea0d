"""What the monitor says of a network, over HTTP, in health and in each kind of trouble."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from apps.monitor import metrics
from apps.monitor.alerts import KEPT, Alert, AlertKind, Finding, Unknown, reconcile
from apps.monitor.checks import DAY, Limits
from apps.monitor.file_store import FileStore, UnreadableMemory
from apps.monitor.forks import KEPT_HEADS, HeadBook
from apps.monitor.memory import Memory
from apps.monitor.reading import Reader
from apps.monitor.view import Head
from apps.monitor.watch import Watch
from apps.monitor.webhook import HEADER, Webhook, signature
from audit_chain.beacon.misbehaviour import Offence, OffenceKind, verify_misbehaviour
from audit_chain.beacon.transition import StateDirectory
from audit_chain.cli import main as audit_chain
from audit_chain.encoding import from_time
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import CosignerEd25519
from audit_chain.log.note import Note
from audit_chain.testing import KEYS_UNTIL, NETWORK, SUPPLIER, VALIDATORS, ExampleNetwork, ed25519_key, record_key
from tests.monitor.cast import Nodes, next_epoch, serving

BEACON = f"{NETWORK}/beacon"


class Monitor:
    """A monitor of the nodes, with a folder; its clock shows the network's time."""

    def __init__(self, nodes: Nodes, folder: Path) -> None:
        self.nodes = nodes
        self.folder = folder
        self.ahead = 0
        self.limits = Limits()
        self.webhook: Webhook | None = None
        self._readers: list[Reader] = []
        self.restart()

    def clock(self) -> int:
        return self.nodes.chain.clock + self.ahead

    def restart(self) -> None:
        """Begins again from what is in the folder."""
        reader = Reader(self.nodes.network())
        self._readers.append(reader)
        self.watch = Watch(reader, FileStore(self.folder), clock=self.clock, limits=self.limits, webhook=self.webhook)

    def look(self) -> dict[tuple[str, str], Alert]:
        """The open alerts, by kind and subject."""
        return {(str(one.kind), one.subject): one for one in self.watch.look() if one.is_open}

    def close(self) -> None:
        for reader in self._readers:
            reader.close()
        if self.webhook is not None:
            self.webhook.close()


def votes(nodes: Nodes) -> None:
    """The validators show the latest boundary."""
    nodes.show(nodes.chain.notes[max(nodes.chain.notes)])


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    chain = ExampleNetwork()
    next_epoch(chain, 5)
    with serving(Nodes(chain)) as served:
        votes(served)
        yield served


@pytest.fixture
def monitor(nodes: Nodes, tmp_path: Path) -> Iterator[Monitor]:
    made = Monitor(nodes, tmp_path / "monitor")
    yield made
    made.close()


def test_of_a_healthy_network_there_is_nothing_to_say(monitor: Monitor, nodes: Nodes) -> None:
    for _ in range(3):
        assert monitor.look() == {}
        next_epoch(nodes.chain)
        votes(nodes)


def test_a_young_network_is_healthy(tmp_path: Path) -> None:
    with serving(Nodes(ExampleNetwork())) as nodes:
        monitor = Monitor(nodes, tmp_path)
        for _ in range(5):
            votes(nodes)
            assert monitor.look() == {}
            next_epoch(nodes.chain)
        monitor.close()


# Votes and finality


def test_a_validator_that_does_not_vote_is_named_within_an_epoch(monitor: Monitor, nodes: Nodes) -> None:
    assert monitor.look() == {}
    absent = nodes.chain.voters.pop(1)
    nodes.heads[absent.name].clear()
    next_epoch(nodes.chain)
    ((kind, subject),) = monitor.look()
    assert (kind, subject) == ("missing-vote", absent.name)
    assert "has not voted in epoch" in monitor.look()[kind, subject].sentence


def test_an_alert_is_over_when_the_validator_votes_again(monitor: Monitor, nodes: Nodes) -> None:
    absent = nodes.chain.voters.pop(1)
    next_epoch(nodes.chain, 2)
    since = monitor.look()["missing-vote", absent.name].since
    next_epoch(nodes.chain)
    assert monitor.look()["missing-vote", absent.name].since == since
    nodes.chain.voters.append(absent)
    next_epoch(nodes.chain, 2)
    assert monitor.look() == {}
    (over,) = monitor.watch.look()
    assert (over.subject, over.cleared) == (absent.name, nodes.chain.clock)


def test_nobody_misses_the_vote_of_a_validator_that_has_left(monitor: Monitor, nodes: Nodes) -> None:
    nodes.exited.add(nodes.chain.voters.pop(1).name)
    next_epoch(nodes.chain, 2)
    assert monitor.look() == {}


def test_finality_that_stalls_is_noticed_within_an_epoch(monitor: Monitor, nodes: Nodes) -> None:
    assert monitor.look() == {}
    del nodes.chain.voters[2:]
    finalized = nodes.chain.state.casper.finalized_checkpoint.epoch
    next_epoch(nodes.chain)
    assert monitor.look()["finality-stalled", NETWORK].number == finalized
    nodes.chain.voters = list(nodes.chain.validators)
    next_epoch(nodes.chain, 3)
    assert monitor.look() == {}


def test_a_beacon_that_seals_no_block_or_does_not_answer_is_silent(monitor: Monitor, nodes: Nodes) -> None:
    monitor.ahead = 660
    assert monitor.look()["beacon-silent", NETWORK].number >= 660
    monitor.ahead = 0
    assert monitor.look() == {}
    nodes.silent.add("beacon")
    assert set(monitor.look()) == {("beacon-silent", NETWORK)}


def test_while_the_beacon_is_silent_its_other_alerts_stay(monitor: Monitor, nodes: Nodes) -> None:
    absent = nodes.chain.voters.pop(1)
    next_epoch(nodes.chain, 2)
    monitor.look()
    nodes.silent.add("beacon")
    assert set(monitor.look()) == {("beacon-silent", NETWORK), ("missing-vote", absent.name)}


def test_a_vote_that_was_cast_and_is_not_in_the_log_yet_is_given_an_epoch(monitor: Monitor, nodes: Nodes) -> None:
    late = nodes.chain.voters.pop(1)
    size = max(nodes.chain.notes)
    next_epoch(nodes.chain)
    nodes.show(Note(nodes.chain.notes[size].text, nodes.chain.notes[size].signatures), late.name)
    assert monitor.look() == {}
    next_epoch(nodes.chain)
    votes(nodes)
    assert set(monitor.look()) == {("missing-vote", late.name)}


# Validators


def test_a_validator_that_stopped_or_does_not_answer_is_named(monitor: Monitor, nodes: Nodes) -> None:
    nodes.problems[VALIDATORS[0]] = "the seal commits to another state"
    nodes.silent.add(VALIDATORS[1])
    found = monitor.look()
    assert set(found) == {("validator-stopped", VALIDATORS[0]), ("validator-unreachable", VALIDATORS[1])}
    assert "another state" not in json.dumps([alert.sentence for alert in found.values()])
    nodes.silent.add(VALIDATORS[0])
    assert ("validator-stopped", VALIDATORS[0]) in monitor.look()


@pytest.mark.parametrize(("days", "number"), [(31, None), (29, 30), (8, 30), (6, 7), (-1, 7)])
def test_keys_are_said_to_end_a_month_and_a_week_before(monitor: Monitor, days: int, number: int | None) -> None:
    monitor.ahead = from_time(KEYS_UNTIL) - days * DAY - monitor.nodes.chain.clock
    monitor.limits = Limits(silence=10**9, missing_crosslink=10**9)
    monitor.restart()
    found = monitor.look()
    expected = {} if number is None else {("key-ending", name): number for name in VALIDATORS}
    assert {key: alert.number for key, alert in found.items()} == expected


def test_a_line_of_an_unregistered_key_is_noticed(monitor: Monitor, nodes: Nodes) -> None:
    stranger = CosignerEd25519(f"{NETWORK}/validator/{VALIDATORS[0]}", ed25519_key(666))
    latest = nodes.chain.notes[max(nodes.chain.notes)]
    nodes.show(latest.with_signatures(stranger.cosign(latest.text, nodes.chain.clock)), VALIDATORS[0])
    assert set(monitor.look()) == {("unexpected-signer", stranger.name)}
    votes(nodes)
    nodes.extra_keys[VALIDATORS[1]] = [str(stranger.verifier_key)]
    assert set(monitor.look()) == {("unexpected-signer", f"{NETWORK}/validator/{VALIDATORS[1]}")}


@pytest.mark.parametrize(
    ("path", "spoil"),
    [
        ("validators", lambda text: text.replace(b'"name":"', b'"name":"Call me: ')),
        ("validators", lambda text: text.replace(b'"not_after":"2028', b'"not_after":"soon')),
        ("epochs", lambda text: text.replace(b'"time":"2026', b'"time":"late')),
        ("pools", lambda text: text.replace(b'"key":"', b'"key":"+')),
        ("blocks", lambda text: b'{"blocks":[],"before":null}'),
        ("blocks", lambda text: b"[" * 10_000),
    ],
)
def test_a_beacon_that_talks_nonsense_counts_as_silent(
    monitor: Monitor, nodes: Nodes, path: str, spoil: Callable[[bytes], bytes]
) -> None:
    true_answer = nodes.answer

    def answer(method: str, asked: str, body: bytes) -> tuple[int, bytes]:
        status, content = true_answer(method, asked, body)
        return status, spoil(content) if asked.startswith(f"/beacon/{path}?") or asked == f"/beacon/{path}" else content

    nodes.answer = answer  # type: ignore[method-assign]
    assert set(monitor.look()) == {("beacon-silent", NETWORK)}


@pytest.mark.parametrize(
    ("true", "false"), [(b'"time":"2026', b'"time":"late'), (b'"size":', b'"size":-1e'), (b"{", b"")]
)
def test_a_validator_that_talks_nonsense_counts_as_unreachable(
    monitor: Monitor, nodes: Nodes, true: bytes, false: bytes
) -> None:
    true_answer = nodes.answer

    def answer(method: str, asked: str, body: bytes) -> tuple[int, bytes]:
        status, content = true_answer(method, asked, body)
        return status, content.replace(true, false) if asked == f"/{VALIDATORS[2]}/status" else content

    nodes.answer = answer  # type: ignore[method-assign]
    assert set(monitor.look()) == {("validator-unreachable", VALIDATORS[2])}


# Crosslinks


def pool_head(nodes: Nodes) -> Note:
    """A larger checkpoint of the pool, cosigned by everybody."""
    pool = nodes.chain.pool
    pool.add({"kind": "order"}, key=record_key(len(pool.commitments) + 1))
    note = nodes.chain.cosign(pool.seal(nodes.chain.clock))
    nodes.show(note)
    return note


def test_a_pool_that_grew_and_brought_no_crosslink_is_late(monitor: Monitor, nodes: Nodes) -> None:
    note = pool_head(nodes)
    assert monitor.look() == {}
    nodes.times |= {("head", name): nodes.chain.clock - 121 for name in nodes.names}
    alert = monitor.look()["late-crosslink", SUPPLIER]
    assert alert.number == 2
    nodes.chain.append(nodes.chain.crosslink(note).encode())
    nodes.chain.seal()
    assert monitor.look() == {}


def test_a_pool_that_brings_no_crosslink_for_long_is_missed(monitor: Monitor, nodes: Nodes) -> None:
    nodes.chain.append(nodes.chain.crosslink(pool_head(nodes)).encode())
    nodes.chain.seal()
    assert monitor.look() == {}
    nodes.times["crosslink", SUPPLIER] = nodes.chain.clock - 30 * 3600
    assert monitor.look()["missing-crosslink", SUPPLIER].number == 30


# Forks


def grown(fork: bytes = b"") -> ExampleNetwork:
    chain = ExampleNetwork()
    for epoch in range(6):
        if epoch == 3 and fork:
            chain.append(chain.deposit(sha256(fork).digest()).encode())
        next_epoch(chain)
    return chain


def proven(monitor: Monitor, tmp_path: Path, digest: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a stranger is told of the evidence file."""
    policy = tmp_path / "policy.txt"
    policy.write_bytes(monitor.nodes.chain.policy.render())
    assert audit_chain(["misbehaviour", str(monitor.folder / f"{digest}.json"), "--policy", str(policy)]) == 0
    return capsys.readouterr().out


def offences(nodes: Nodes) -> set[Offence]:
    """What the beacon, asked in its own state, makes of the proofs that it was handed."""
    directory = StateDirectory(nodes.chain.state)
    return {verify_misbehaviour(one["proof"], directory) for one in nodes.slashings}


def test_a_beacon_that_shows_another_history_than_the_validators_signed_is_caught(
    monitor: Monitor, nodes: Nodes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The larger tree that it shows does not begin with the one that they hold."""
    honest = grown()
    nodes.show(honest.notes[sorted(honest.notes)[-2]])
    nodes.chain = grown(fork=b"another history")
    alert = monitor.look()["fork", BEACON]
    assert alert.evidence is not None
    assert proven(monitor, tmp_path, alert.evidence, capsys).startswith(f"PROVEN. The beacon's log {BEACON}")
    assert offences(nodes) == {Offence(OffenceKind.BEACON_FORK, BEACON)}


def test_a_beacon_that_went_back_is_named_before_there_is_a_proof(monitor: Monitor, nodes: Nodes) -> None:
    nodes.chain = grown()
    votes(nodes)
    assert monitor.look() == {}
    size = nodes.chain.store.head().tree_size
    nodes.chain = ExampleNetwork()
    alerts = monitor.look()
    assert alerts["rolled-back", BEACON].number == size - nodes.chain.store.head().tree_size
    assert ("fork", BEACON) not in alerts
    nodes.chain = grown()
    assert ("rolled-back", BEACON) not in monitor.look()


def test_a_beacon_that_changes_its_history_between_two_looks_is_caught_after_a_restart_too(
    monitor: Monitor, nodes: Nodes
) -> None:
    nodes.chain = grown()
    votes(nodes)
    assert monitor.look() == {}
    nodes.chain = grown(fork=b"another history")
    next_epoch(nodes.chain)
    for name in nodes.names:
        nodes.heads[name] = []
    monitor.restart()
    assert ("fork", BEACON) in monitor.look()


def test_validators_that_cosigned_both_histories_are_caught_with_the_beacon(monitor: Monitor, nodes: Nodes) -> None:
    honest, other = grown(), grown(fork=b"another history")
    nodes.show(honest.notes[max(honest.notes)])
    nodes.chain = other
    next_epoch(other)
    monitor.look()
    assert {offence.kind for offence in offences(nodes)} == {OffenceKind.BEACON_FORK}
    nodes.show(other.notes[max(other.notes)], VALIDATORS[0])
    monitor.look()
    caught = {offence.offender for offence in offences(nodes) if offence.kind is OffenceKind.INCONSISTENT_HEADS}
    assert caught == set(VALIDATORS)  # the checkpoint that one of them shows bears the lines of all


def test_a_pool_that_signs_two_trees_of_one_size_is_caught(
    monitor: Monitor, nodes: Nodes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pool_head(nodes)
    signer = nodes.chain.pool.signer
    text = LogCheckpoint(signer.name, 2, bytes(32)).text()
    nodes.show(Note(text, (signer.sign(text),)), VALIDATORS[3])
    alert = monitor.look()["fork", SUPPLIER]
    assert alert.evidence is not None
    assert proven(monitor, tmp_path, alert.evidence, capsys).startswith(f"PROVEN. The pool {SUPPLIER}")
    assert offences(nodes) == {Offence(OffenceKind.POOL_FORK, SUPPLIER)}


def test_a_head_that_its_log_has_not_signed_proves_nothing(monitor: Monitor, nodes: Nodes) -> None:
    latest = nodes.chain.notes[max(nodes.chain.notes)]
    text = LogCheckpoint(BEACON, LogCheckpoint.parse(latest.text).size, bytes(32)).text()
    nodes.show(Note(text, tuple(one.ed25519.cosign(text, 1) for one in nodes.chain.validators)))
    assert monitor.look() == {}


def test_a_fork_is_told_once_and_stays_until_the_log_is_restarted(monitor: Monitor, nodes: Nodes) -> None:
    honest = grown()
    nodes.show(honest.notes[sorted(honest.notes)[-2]])
    nodes.chain = grown(fork=b"another history")
    since = monitor.look()["fork", BEACON].since
    monitor.restart()
    next_epoch(nodes.chain)
    assert monitor.look()["fork", BEACON].since == since
    assert sum('"kind":"beacon-fork"' in one["proof"] for one in nodes.slashings) == 1


def test_a_proof_is_handed_in_again_until_the_beacon_answers(monitor: Monitor, nodes: Nodes) -> None:
    honest = grown()
    nodes.show(honest.notes[sorted(honest.notes)[-2]])
    nodes.chain = grown(fork=b"another history")
    nodes.slashing_status = 503
    monitor.look()
    monitor.look()
    assert len(nodes.slashings) == 2
    nodes.slashing_status = 422
    monitor.look()
    monitor.restart()
    monitor.look()
    assert len(nodes.slashings) == 3


def test_tiles_that_are_not_the_signed_tree_accuse_nobody(monitor: Monitor, nodes: Nodes) -> None:
    monitor.look()
    next_epoch(nodes.chain)
    nodes._tile = lambda path: (200, bytes(32 * 256))  # type: ignore[method-assign]
    assert monitor.look() == {}
    assert nodes.slashings == []


# News


def test_the_webhook_gets_each_alert_when_it_opens_and_when_it_is_over(monitor: Monitor, nodes: Nodes) -> None:
    monitor.webhook = Webhook(f"{nodes.url}/hook", b"a secret of both", clock=monitor.clock)
    monitor.restart()
    nodes.silent.add(VALIDATORS[1])
    nodes.hook_status = 503
    monitor.look()
    nodes.hook_status = 200
    monitor.look()
    monitor.restart()
    monitor.look()
    nodes.silent.clear()
    monitor.look()
    told = [json.loads(body) for _, body in nodes.hooks]
    assert [one["alert"]["cleared"] is None for one in told] == [True, True, False]
    assert {one["alert"]["kind"] for one in told} == {"validator-unreachable"}
    for headers, body in nodes.hooks:
        assert hmac.compare_digest(headers[HEADER], signature(body, b"a secret of both", monitor.clock()))


def test_the_signature_is_an_hmac_over_time_and_body() -> None:
    expected = hmac.new(b"secret", b'1795348861.{"a":1}', hashlib.sha256).hexdigest()
    assert signature(b'{"a":1}', b"secret", 1795348861) == f"t=1795348861,v1={expected}"


def test_metrics_say_what_is_open_and_how_far_things_are(monitor: Monitor, nodes: Nodes) -> None:
    nodes.silent.add(VALIDATORS[1])
    alerts = monitor.watch.look()
    memory = monitor.watch._memory
    assert memory is not None
    text = metrics.render(alerts, memory.measures).decode()
    assert f'tallystick_alert{{kind="validator-unreachable",subject="{VALIDATORS[1]}"}} 1.0\n' in text
    assert f'tallystick_validator_up{{validator="{VALIDATORS[1]}"}} 0.0\n' in text
    assert f'tallystick_validator_voted{{validator="{VALIDATORS[0]}"}} 1.0\n' in text
    assert "tallystick_epoch 5.0\n" in text
    assert f'tallystick_crosslink_age_seconds{{pool="{SUPPLIER}"}} 30.0\n' in text


# Parts


def test_a_folder_that_holds_no_memory_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_text('{"alerts": 1}')
    with pytest.raises(UnreadableMemory):
        FileStore(tmp_path).load()


def test_a_memory_comes_back_as_it_was(monitor: Monitor, nodes: Nodes) -> None:
    nodes.silent.add(VALIDATORS[1])
    monitor.look()
    memory = monitor.watch._memory
    assert isinstance(memory, Memory)
    loaded = FileStore(monitor.folder).load()
    assert (loaded.alerts, loaded.evidence, loaded.book.heads) == (memory.alerts, memory.evidence, memory.book.heads)


def test_what_is_unknown_stays_as_it_is() -> None:
    opened = reconcile([], [Finding(AlertKind.MISSING_VOTE, "bank", 3)], unknown=[], now=10)
    assert reconcile(opened, [], unknown=[Unknown(AlertKind.MISSING_VOTE)], now=20) == opened
    assert reconcile(opened, [], unknown=[Unknown(AlertKind.MISSING_VOTE, "bank")], now=20) == opened
    (over,) = reconcile(opened, [], unknown=[Unknown(AlertKind.MISSING_VOTE, "court")], now=20)
    assert over == replace(opened[0], cleared=20)


def test_an_alert_comes_back_as_a_new_one() -> None:
    finding = Finding(AlertKind.MISSING_VOTE, "bank", 3)
    alerts = reconcile([], [finding], unknown=[], now=10)
    alerts = reconcile(alerts, [], unknown=[], now=20)
    alerts = reconcile(alerts, [finding], unknown=[], now=30)
    assert [(alert.since, alert.cleared) for alert in alerts] == [(30, None), (10, 20)]


def test_keys_that_end_sooner_are_told_again() -> None:
    (alert,) = reconcile([], [Finding(AlertKind.KEY_ENDING, "bank", 30)], unknown=[], now=10)
    told = [replace(alert, told=1)]
    assert not reconcile(told, [Finding(AlertKind.KEY_ENDING, "bank", 30)], unknown=[], now=20)[0].is_news
    assert reconcile(told, [Finding(AlertKind.KEY_ENDING, "bank", 7)], unknown=[], now=20)[0].is_news


def test_old_alerts_and_heads_are_forgotten() -> None:
    over = [Alert(AlertKind.MISSING_VOTE, "bank", since=n, cleared=n) for n in range(KEPT + 50)]
    assert reconcile(over, [], unknown=[], now=10**6) == over[50:]
    book, signer = HeadBook(), ExampleNetwork().beacon_signer
    for size in range(1, KEPT_HEADS + 10):
        text = LogCheckpoint(BEACON, size, bytes(32)).text()
        book.add(Head.of(Note(text, (signer.sign(text),)).render()))
    assert [head.size for head in book.heads[BEACON]] == list(range(10, KEPT_HEADS + 10))


def test_the_page_on_monitoring_names_every_alert_and_metric() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "monitoring.md").read_text()
    for kind in AlertKind:
        assert f"| `{kind}` |" in page
    for name in metrics.HELP:
        assert f"`tallystick_{name}`" in page
