"""The beacon: what its log may hold, and the state that everybody computes from it."""
