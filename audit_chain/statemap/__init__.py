"""The state map: text names to bytes, versioned, with proofs that a name has a value or that it is not there."""
