"""Watches a beacon and its validators from outside, and says when something is wrong."""
