"""Every invoice of the corpus through the command line, in one run."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.enterprise import Enterprise, Imported

Entry = dict[str, Any]
BILLS = ("UBL Invoice", "UBL CreditNote")


@dataclass(slots=True)
class Corpus:
    """Its invoices and credit notes in UBL by file, with what the index says of each; and those officially valid."""

    folder: Path
    bills: dict[str, Entry] = field(default_factory=dict)
    valid: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, folder: Path) -> "Corpus":
        corpus = cls(folder)
        verdicts = json.loads((folder / "EN16931_VERDICTS.json").read_bytes())
        for entry in json.loads((folder / "INDEX.json").read_bytes()):
            if entry.get("kind") in BILLS:
                file = str(folder.parent / entry["file"].removeprefix("shared/"))
                corpus.bills[file] = entry
                if verdicts.get(entry["file"], {}).get("en16931_valid"):
                    corpus.valid.add(file)
        return corpus


@pytest.fixture(scope="module")
def corpus(corpora: Path) -> Corpus:
    return Corpus.read(corpora / "invoices")


@pytest.fixture(scope="module")
def imported(corpus: Corpus, newcomer: Enterprise) -> Imported:
    return newcomer.import_by_command(corpus.folder)


def test_every_bill_has_an_outcome_and_every_refusal_a_reason(
    corpus: Corpus, imported: Imported, figure: Callable[[str, str], None]
) -> None:
    outcomes: dict[str, list[str]] = defaultdict(list)
    for outcome in ("accepted", "duplicates", "refused"):
        for item in getattr(imported, outcome):
            outcomes[item["file"]].append(outcome)

    assert len(corpus.bills) > 80
    assert [file for file in corpus.bills if len(outcomes[file]) != 1] == []
    assert [item for item in imported.refused if not item["reason"].strip()] == []
    everything = {path for path in corpus.folder.rglob("*") if path.is_file()}
    assert {Path(file) for file in outcomes} == everything

    counts = Counter(outcomes[file][0] for file in corpus.bills)
    figure("bills of the corpus", f"{len(corpus.bills)}, of them officially valid {len(corpus.valid)}; {dict(counts)}")
    for item in imported.refused:
        if item["file"] in corpus.bills:
            figure("refused", f"{Path(item['file']).relative_to(corpus.folder)}: {item['reason']}")


def test_no_bill_that_is_officially_valid_is_refused(corpus: Corpus, imported: Imported) -> None:
    assert len(corpus.valid) > 40
    assert [item for item in imported.refused if item["file"] in corpus.valid] == []


def test_a_number_that_comes_again_with_other_content_is_a_record_of_its_own_and_flagged(
    corpus: Corpus, imported: Imported, newcomer: Enterprise
) -> None:
    record_of = {item["file"]: item["record"] for item in imported.accepted + imported.duplicates}
    same: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for file, entry in corpus.bills.items():
        if file in record_of and entry["no"]:
            names = ("no", "seller_vat", "seller_legal", "seller_endpoint", "seller_name")
            same[tuple(entry[name] for name in names)].add(record_of[file])
    repeated = [records for records in same.values() if len(records) > 1]

    assert len(repeated) > 5
    for records in repeated:
        for record in records:
            assert records - {record} <= set(newcomer.record(record)["twins"])


def test_the_whole_corpus_again_appends_nothing(corpus: Corpus, imported: Imported, newcomer: Enterprise) -> None:
    pool = newcomer.pool()
    newcomer.wait_until_settled(pool)
    before = pool.status()

    again = newcomer.import_by_command(corpus.folder)

    assert again.accepted == []
    assert again.refused == imported.refused
    first = {item["file"]: item["record"] for item in imported.accepted + imported.duplicates}
    assert {item["file"]: item["record"] for item in again.duplicates} == first
    after = pool.status()
    assert after.entries == before.entries == after.reach.final
    assert after.records == before.records == len(imported.accepted)
