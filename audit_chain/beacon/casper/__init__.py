"""Casper: validators, committees, votes, and what becomes justified, finalized, rewarded or slashed.

In the order and with the names of ethereum/consensus-specs, phase 0; docs/spec/casper.md tells the departures.
"""
