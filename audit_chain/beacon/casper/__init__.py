"""Casper: validators, committees, votes, and what becomes justified, finalized, rewarded or slashed.

Written in the order and with the names of ethereum/consensus-specs, phase 0; see docs/spec/casper.md for the departures.
"""
