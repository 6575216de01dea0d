"""Tallystick's pure core: Merkle logs, record commitments, the beacon's rules, proofs and their verifier.

Standard library, `cryptography` and (to build record trees) `merkletools`; no clock, network, database or framework.
The sub-packages from the bottom up follow the data: `merkle`, `records`, `log`, `beacon`, `proof`.
"""
