"""Proof bundles: made by whoever holds a record, verified by anyone who holds a trust policy."""
