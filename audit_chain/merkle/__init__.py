"""Merkle trees of RFC 9162: hashing, proofs and their verification."""
