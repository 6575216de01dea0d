"""The beacon node: orders what pools and members send, seals it into blocks, and serves the log with its proofs."""
