"""The whole network, started once for a test session."""
