"""The validator node: a witness of the beacon's log and of the pools' logs, with keys and a small store of its own."""
