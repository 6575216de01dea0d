"""Where a pool keeps its rows: the ports, an in-memory backend and PostgreSQL."""
