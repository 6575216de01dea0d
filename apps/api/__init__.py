"""The REST API under /api/v1: the portal's jobs for programs that carry a token."""
