"""What readers of the log that others wrote can take in."""

from audit_chain.log.cosignature import MLDSA44_SIGNATURE_SIZE, TIMESTAMP_SIZE
from audit_chain.log.note import Note

MOST_SIGNATURES = 100
"""Go's note package (golang.org/x/mod/sumdb/note) reads no note with more."""


def readable(note: Note) -> Note:
    """The note itself, or, where it has too many signatures, without the ML-DSA-44 ones, the longest by far."""
    if len(note.signatures) <= MOST_SIGNATURES:
        return note
    mldsa44 = TIMESTAMP_SIZE + MLDSA44_SIGNATURE_SIZE
    return Note(note.text, tuple(signature for signature in note.signatures if len(signature.blob) != mldsa44))
