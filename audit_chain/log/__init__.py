"""Append-only logs: signed notes, checkpoints, cosignatures, tiles, proofs of one entry, trust policies."""
