"""Files in: each document once, whatever comes twice, breaks, or is killed."""

import csv
import io
import json
import threading
from typing import Any

import pytest

from audit_chain.testing import ExampleNetwork
from data_pool import ingest
from data_pool.documents import MappingRefused
from data_pool.errors import UploadRefused
from data_pool.pool import Pool
from data_pool.search import RecordQuery
from data_pool.setup import UploadLimits
from data_pool.staging import Upload
from data_pool.storage.ports import PoolStorage
from data_pool.storage.postgres import PostgresStorage
from tests.e2e.invoices import invoice as ubl_invoice
from tests.pool.cast import STAFF, bring_in, invoice, pool_setup, record_of, upload
from tests.pool.stopping import Stopped, StoppingStorage, numbers_of_steps

Rows = list[dict[str, str]]


def table(rows: Rows, name: str = "invoices.csv") -> Upload:
    """A CSV file of these rows."""
    content = io.StringIO()
    writer = csv.DictWriter(content, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return Upload(name=name, data=content.getvalue().encode(), media_type="text/csv")


def rows(*numbers: str) -> Rows:
    return [
        {
            "number": number,
            "issue_date": "2026-11-03",
            "currency": "EUR",
            "payable_amount": "1250.50",
            "seller.name": "Northwind Parts GmbH",
            "buyer.name": "Atlas Motors AG",
        }
        for number in numbers
    ]


def outcomes(pool: Pool, batch: Any) -> list[str]:
    return [item.outcome for item in pool.every_item(batch.id)]


def numbers(pool: Pool) -> list[str]:
    return sorted(item.number for item in pool.search(RecordQuery(), limit=1_000).items)


def test_a_file_brought_again_gives_the_same_record_and_appends_nothing(pool: Pool) -> None:
    first = record_of(pool, invoice())
    entries = pool.status().entries

    batch = bring_in(pool, upload(invoice(), name="another-name.json"))

    (item,) = pool.items(batch.id)
    assert (item.outcome, item.record_id) == ("duplicate", first)
    assert pool.status().entries == entries


def test_a_document_in_another_file_is_the_same_document(pool: Pool) -> None:
    first = record_of(pool, invoice())
    reformatted = Upload(name="pretty.json", data=json.dumps(invoice(), indent=4).encode())

    batch = bring_in(pool, reformatted)

    (item,) = pool.items(batch.id)
    assert (item.outcome, item.record_id) == ("duplicate", first)


def test_a_file_read_by_a_newer_reader_stays_the_same_document(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    first = record_of(pool, invoice())
    read = ingest.read_documents

    def read_more(data: bytes, **options: Any) -> Any:
        for document in read(data, **options):
            document.fields["newly_understood"] = "a field that was passed over before"
            yield document

    monkeypatch.setattr(ingest, "read_documents", read_more)

    (item,) = pool.items(bring_in(pool, upload(invoice())).id)
    assert (item.outcome, item.record_id) == ("duplicate", first)


def test_a_row_that_is_there_counts_as_a_duplicate(pool: Pool) -> None:
    bring_in(pool, table(rows("NP-1", "NP-2")))

    batch = bring_in(pool, table(rows("NP-2", "NP-3", "NP-3")))

    assert outcomes(pool, batch) == ["duplicate", "accepted", "duplicate"]
    assert numbers(pool) == ["NP-1", "NP-2", "NP-3"]


def test_the_same_table_under_another_mapping_is_another_reading(pool: Pool) -> None:
    file = Upload(name="a.csv", data=b"number;date;cur;total;seller;buyer\nNP-1;03.11.2026;EUR;10,50;N;A\n")
    columns = {
        "number": "number",
        "date": "issue_date",
        "cur": "currency",
        "total": "payable_amount",
        "seller": "seller.name",
        "buyer": "buyer.name",
    }
    mapping = {"columns": columns, "date_format": "DD.MM.YYYY", "decimal_separator": ","}
    other = mapping | {"date_format": "MM.DD.YYYY"}

    assert [outcomes(pool, bring_in(pool, file, mapping=given)) for given in (mapping, other, mapping)] == [
        ["accepted"],
        ["accepted"],
        ["duplicate"],
    ]


def test_a_mapping_that_is_none_is_refused_at_once(pool: Pool) -> None:
    with pytest.raises(MappingRefused):
        pool.stage([table(rows("NP-1"))], by=STAFF, mapping={"colums": {}})

    assert pool.batches() == []


def test_a_bad_row_is_refused_and_the_others_go_in(pool: Pool) -> None:
    bad = rows("NP-2")[0] | {"payable_amount": "a lot"}

    batch = bring_in(pool, table([*rows("NP-1"), bad, *rows("NP-3")]))

    assert outcomes(pool, batch) == ["accepted", "refused", "accepted"]
    (refused,) = pool.items(batch.id, outcome="refused")
    assert refused.reason
    assert "row 2" in refused.where


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x01\x02",
        b"<Invoice",
        b"<!DOCTYPE x><x/>",
        b'{"kind": "invoice", "kind": "invoice"}',
        b'{"a": "\\ud800"}',
        b"[]",
        b'number,"x\n1,2',
    ],
)
def test_a_broken_file_is_refused_and_its_content_dropped(pool: Pool, data: bytes) -> None:
    batch = bring_in(pool, Upload(name="broken", data=data), upload(invoice()))

    broken, sound = pool.items(batch.id)
    assert (broken.outcome, sound.outcome) == ("refused", "accepted")
    assert broken.reason
    with pool.setup.storage.transaction() as stored:
        (item, _) = stored.items(batch.id)
        assert item.original is None


def test_a_reader_that_fails_refuses_its_file_alone_and_logs_no_value(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read = ingest.read_documents

    def fail(data: bytes, **options: Any) -> Any:
        if b"poison" in data:
            raise ZeroDivisionError("private words")
        return read(data, **options)

    monkeypatch.setattr(ingest, "read_documents", fail)

    batch = bring_in(pool, upload(invoice("NP-1", note="poison")), upload(invoice("NP-2")))

    assert outcomes(pool, batch) == ["refused", "accepted"]
    assert "ZeroDivisionError" in caplog.text
    assert "private words" not in caplog.text


def test_an_oversized_file_is_refused_alone(storage: PoolStorage) -> None:
    pool = Pool(pool_setup(storage, uploads=UploadLimits(file_bytes=1_000)))

    batch = bring_in(pool, Upload(name="large.json", data=b" " * 1_001), upload(invoice()))

    large, small = pool.items(batch.id)
    assert (large.outcome, small.outcome) == ("refused", "accepted")
    assert "at most 1000 bytes" in large.reason
    assert pool.fsck().problems == []


@pytest.mark.parametrize(
    ("limits", "files"),
    [
        (UploadLimits(files=1), [upload(invoice("NP-1")), upload(invoice("NP-2"))]),
        (UploadLimits(batch_bytes=100), [upload(invoice("NP-1"))]),
        (UploadLimits(), []),
    ],
)
def test_an_import_that_is_too_much_is_refused_whole(
    storage: PoolStorage, limits: UploadLimits, files: list[Upload]
) -> None:
    pool = Pool(pool_setup(storage, uploads=limits))

    with pytest.raises(UploadRefused):
        pool.stage(files, by=STAFF)

    assert pool.batches() == []


def test_a_ubl_invoice_goes_in(pool: Pool) -> None:
    batch = bring_in(pool, Upload(name="np-7.xml", data=ubl_invoice("NP-7")))

    (item,) = pool.items(batch.id)
    assert item.record_id is not None
    record = pool.record(item.record_id)
    assert (record.kind, record.fields["number"], record.fields["payable_amount"]) == ("invoice", "NP-7", 11_900)


def test_a_large_table_goes_in_by_chunks_and_survives_a_stop_between_them(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "CHUNK_DOCUMENTS", 10)
    batch = pool.stage([table(rows(*(f"NP-{number:03}" for number in range(45))))], by=STAFF)

    stopping = Pool(pool_setup(StoppingStorage(pool.setup.storage, steps=60)))  # type: ignore[arg-type]
    with pytest.raises(Stopped):
        stopping.process()
    read = pool.batch(batch).accepted
    assert 0 < read < 45
    assert read % 10 == 0

    pool.finish(batch, wait=0)
    assert pool.batch(batch).accepted == 45
    assert numbers(pool) == [f"NP-{number:03}" for number in range(45)]
    assert pool.fsck().problems == []


def test_wherever_it_stops_every_acknowledged_document_enters_once(pool: Pool) -> None:
    acknowledged: list[str] = []
    for steps in numbers_of_steps(pool.setup.storage):
        one, other = f"NP-{steps}-1", f"NP-{steps}-2"
        files = [upload(invoice(one), invoice(other)), upload(invoice(other)), Upload(name="broken", data=b"<")]
        batches = len(pool.batches(limit=1_000))
        stopping = Pool(pool_setup(StoppingStorage(pool.setup.storage, steps=steps)))  # type: ignore[arg-type]
        ended = False
        try:
            stopping.stage(files, by=STAFF)
            stopping.process()
            stopping.seal()
            ended = True
        except Stopped:
            pass
        while pool.process():
            pass
        if len(pool.batches(limit=1_000)) > batches:  # It was acknowledged, and so it is there whole.
            acknowledged += [one, other]
            (newest,) = pool.batches(limit=1)
            assert (newest.total, newest.accepted, newest.duplicates, newest.refused) == (3, 2, 1, 1)
        if ended:
            break
    else:
        pytest.fail("it never came to its end")

    assert steps > 30
    assert numbers(pool) == sorted(acknowledged)
    assert pool.fsck().problems == []


def test_two_workers_bring_each_document_in_once(storage: PoolStorage, network: ExampleNetwork) -> None:
    pool = Pool(pool_setup(storage, network))
    expected = sorted(f"NP-{number}" for number in range(60))
    for start in (0, 20, 40):
        # Every document three times, in files that different workers read.
        for _ in range(3):
            pool.stage([upload(invoice(f"NP-{number}")) for number in range(start, start + 20)], by=STAFF)

    def work() -> None:
        while pool.process(limit=7):
            pool.seal()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    while pool.has_staged():
        pool.process()

    assert numbers(pool) == expected
    batches = pool.batches()
    assert sum(batch.accepted for batch in batches) == 60
    assert sum(batch.duplicates for batch in batches) == 120
    assert pool.fsck().problems == []


def test_a_worker_that_lost_its_claim_stores_nothing(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = pool.stage([upload(invoice())], by=STAFF)
    store = ingest.store_chunk

    def be_late(setup: Any, readings: Any) -> None:
        monkeypatch.setattr(ingest, "store_chunk", store)
        with setup.storage.transaction() as stored:
            (item,) = stored.items(batch)
        store(setup, [type(readings[0])(item, list(readings[0].results), ended=True)])  # The other worker.
        store(setup, readings)

    monkeypatch.setattr(ingest, "store_chunk", be_late)
    pool.process()

    assert numbers(pool) == ["NP-1"]
    assert pool.batch(batch).accepted == 1
    assert pool.fsck().problems == []


def test_a_tampered_staged_file_is_refused_and_holds_up_nobody(
    postgres_storage: PostgresStorage, network: ExampleNetwork
) -> None:
    pool = Pool(pool_setup(postgres_storage, network))
    batch = pool.stage([upload(invoice("NP-1")), upload(invoice("NP-2")), upload(invoice("NP-3"))], by=STAFF)
    with postgres_storage._pool.connection() as connection:
        connection.execute("UPDATE import_item SET wrapped = '\\x00' WHERE position = 0")
        connection.execute(
            "UPDATE original SET content = '\\x00' WHERE id = (SELECT original FROM import_item WHERE position = 1)"
        )

    pool.finish(batch, wait=0)

    assert outcomes(pool, pool.batch(batch)) == ["refused", "refused", "accepted"]
