"""COSE receipts for entries of the beacon's log. Only a node that holds the log's key makes them."""

from apps.beacon import selectors
from apps.beacon.finality import COMPACT_KINDS
from apps.network.network_file import NetworkFile
from audit_chain.log.keys import NoteSigner
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.proof.receipt import receipt


def entry_receipt(index: int, network: NetworkFile, signer: NoteSigner) -> bytes:
    """The receipt for the entry at `index`, against the first final checkpoint over it.

    The same every time: that checkpoint does not change any more. Refuses as long as there is none.
    """
    proven = selectors.entry_proof(index, network, kinds=COMPACT_KINDS)
    return receipt(proven.entry.encode(), TlogProof.parse(proven.proof.encode()), signer)
