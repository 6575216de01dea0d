"""Follows a beacon's finality from one trusted checkpoint; see docs/spec/light-client.md."""
