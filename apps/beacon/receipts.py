"""COSE receipts for entries of the beacon's log. Only a node that holds the log's key makes them."""

from collections.abc import Callable

from apps.beacon import selectors
from apps.beacon.finality import COMPACT_KINDS
from apps.network.network_file import NetworkFile
from audit_chain.log.checkpoint import LogCheckpoint
from audit_chain.log.keys import NoteSigner, VerifierKey
from audit_chain.log.note import Note
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.proof.receipt import receipt


def entry_receipt(index: int, network: NetworkFile, signer_of: Callable[[VerifierKey], NoteSigner]) -> bytes:
    """The receipt for the entry at `index`, against the first final checkpoint over it, under that one's key.

    The same every time: that checkpoint does not change any more. Refuses as long as there is none.
    """
    proven = selectors.entry_proof(index, network, kinds=COMPACT_KINDS)
    proof = TlogProof.parse(proven.proof.encode())
    origin = LogCheckpoint.parse(Note.parse(proof.checkpoint).text).origin
    key = next(key for key in network.beacon_keys if key.name == origin)
    return receipt(proven.entry.encode(), proof, signer_of(key))
