"""Receipts: proof that one entry stands in a log, as a COSE object (RFC 9942).

    18([                                                  / COSE_Sign1 /
      <<{1: -8,                                           / alg: EdDSA /
         4: h'356eefad',                                  / kid: the key's ID /
         15: {1: "tallystick.local/beacon",               / iss: the log's origin /
              2: "tallystick.local/beacon/tree/7"},       / sub: origin and size of the tree /
         395: 1}>>,                                       / vds: RFC9162_SHA256 /
      {396: {-1: [<<[7, 1, [h'd0d7360a…', h'89de4b1a…', h'2b047547…']]>>]}},
      null,                                               / the root, which the path leads to, is left out /
      h'f760a7d2…caf0ab04'
    ])

The signature is the log's own, over the header and the root. A root does not say how large its tree is, and some paths
fit trees of several sizes, so the header names the size: without it a size could be changed unnoticed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import cbor2
from cryptography.exceptions import InvalidSignature as _LibraryInvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit_chain.encoding import MAX_UINT63
from audit_chain.errors import InvalidReceipt, InvalidSignature, MalformedReceipt
from audit_chain.log.keys import NOTE_ED25519, NoteSigner, VerifierKey
from audit_chain.log.note import Note, verified_signatures
from audit_chain.log.tlog_proof import TlogProof
from audit_chain.merkle.hashing import HASH_SIZE, leaf_hash
from audit_chain.merkle.proof import root_from_inclusion

MEDIA_TYPE = "application/cose"

MAX_RECEIPT_SIZE = 4096
"""Bytes; 63 hashes, two names of 255 bytes and a signature are less than 3 kB."""

COSE_SIGN1 = 18
"""CBOR tag (RFC 9052, Section 4.2)."""

ALG, KID, CWT_CLAIMS, VDS, VDP = 1, 4, 15, 395, 396
"""Labels of header parameters (RFC 9052, Section 3.1; RFC 9597; RFC 9942)."""

EDDSA = -8
"""RFC 9053, Section 2.2. RFC 9864 prefers -19 for Ed25519, which fewer verifiers know."""

ISS, SUB = 1, 2
"""Claims (RFC 8392, Section 3.1)."""

RFC9162_SHA256 = 1
INCLUSION_PROOFS = -1
"""Kind of tree, and of proof about it (RFC 9942)."""

_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt of inclusion as it was read; `protected` is its signed header, byte for byte."""

    protected: bytes
    tree_size: int
    index: int
    path: tuple[bytes, ...]
    signature: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The receipt of these bytes, whoever made it; MalformedReceipt where render would give others."""
        if len(data) > MAX_RECEIPT_SIZE:
            raise MalformedReceipt("receipt is too large", expected=f"at most {MAX_RECEIPT_SIZE} bytes", got=len(data))
        match _decode(data):
            case cbor2.CBORTag(tag=18, value=[bytes(protected), {396: {-1: [bytes(proof)]}}, None, bytes(signature)]):
                pass
            case _:
                raise MalformedReceipt("not a signed proof of inclusion", expected="COSE_Sign1 with one proof")
        header = _decode(protected)
        if not isinstance(header, Mapping) or header.get(VDS) != RFC9162_SHA256:
            raise MalformedReceipt("header names another kind of tree", expected="RFC9162_SHA256")
        receipt = cls(protected, *_parse_proof(proof), signature)
        if receipt.render() != data:
            raise MalformedReceipt("receipt is not in deterministic CBOR, or has more parts")
        return receipt

    def render(self) -> bytes:
        """The bytes of the receipt."""
        proof = cbor2.dumps([self.tree_size, self.index, list(self.path)])
        parts = [self.protected, {VDP: {INCLUSION_PROOFS: [proof]}}, None, self.signature]
        return cbor2.dumps(cbor2.CBORTag(COSE_SIGN1, parts))

    def verify(self, *, entry: bytes, key: VerifierKey) -> None:
        """Nothing, where the log that signs with `key` holds the entry at `index` of its tree of `tree_size`."""
        if key.kind != NOTE_ED25519:
            raise InvalidReceipt("receipts are signed by the key of a log", expected=NOTE_ED25519, got=key.kind)
        # 1. The header is the one that this log writes for a tree of this size.
        if self.protected != protected_header(key, tree_size=self.tree_size):
            raise InvalidReceipt(f"header is not that of {key.name} at tree size {self.tree_size}")
        # 2. The path leads from the entry to a root.
        root = root_from_inclusion(leaf_hash=leaf_hash(entry), index=self.index, size=self.tree_size, proof=self.path)
        # 3. The log signed that root.
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(self.signature, signed_bytes(self.protected, root))
        except _LibraryInvalidSignature:
            raise InvalidSignature(f"receipt of {key.name} does not verify") from None


def receipt(entry: bytes, proof: TlogProof, signer: NoteSigner) -> bytes:
    """A receipt for the entry, against the tree of the proof's checkpoint.

    Signs no tree that `signer` has not signed as a checkpoint before: InvalidSignature. The same arguments give the
    same bytes.
    """
    key = signer.verifier_key
    verified_signatures(Note.parse(proof.checkpoint), [key])
    checkpoint = proof.verify(leaf_hash(entry))
    if checkpoint.origin != signer.name:
        raise InvalidReceipt("checkpoint of another log", expected=signer.name, got=checkpoint.origin)
    protected = protected_header(key, tree_size=checkpoint.size)
    signature = signer.key.sign(signed_bytes(protected, checkpoint.root))
    return Receipt(protected, checkpoint.size, proof.index, proof.hashes, signature).render()


def verify_receipt(data: bytes, *, entry: bytes, key: VerifierKey) -> Receipt:
    """The receipt of these bytes, verified for this entry under the key of the log."""
    found = Receipt.parse(data)
    found.verify(entry=entry, key=key)
    return found


def protected_header(key: VerifierKey, *, tree_size: int) -> bytes:
    """The signed header of a receipt by the log whose key this is."""
    header = {
        ALG: EDDSA,
        KID: key.key_id,
        CWT_CLAIMS: {ISS: key.name, SUB: f"{key.name}/tree/{tree_size}"},
        VDS: RFC9162_SHA256,
    }
    return cbor2.dumps(header, canonical=True)


def signed_bytes(protected: bytes, root: bytes) -> bytes:
    """What the log signs: the Sig_structure of RFC 9052, Section 4.4.

    Its first byte is 0x84, which begins no UTF-8 text: it can be taken for no checkpoint, and no checkpoint for it.
    """
    return cbor2.dumps(["Signature1", protected, b"", root])


def _parse_proof(data: bytes) -> tuple[int, int, tuple[bytes, ...]]:
    """Tree size, index and path."""
    match _decode(data):
        case [int(tree_size), int(index), [*path]]:
            pass
        case _:
            raise MalformedReceipt("not a proof of inclusion", expected="tree size, index and path")
    if not 0 <= index < tree_size <= MAX_UINT63:
        raise MalformedReceipt("index outside the tree", expected=f"below {tree_size}", got=index)
    if not all(isinstance(value, bytes) and len(value) == HASH_SIZE for value in path):
        raise MalformedReceipt("path is not made of hashes", expected=f"{HASH_SIZE} bytes each")
    return int(tree_size), int(index), tuple(path)  # Where they are true and false, they are written otherwise.


def _decode(data: bytes) -> Any:
    try:
        return cbor2.loads(data, max_depth=_MAX_DEPTH, allow_indefinite=False, allow_duplicate_keys=False)
    except Exception as problem:  # The library's own, and what tagged values of the wrong kind bring up inside it.
        raise MalformedReceipt(f"not CBOR ({type(problem).__name__})") from None
