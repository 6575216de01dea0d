"""The pages, asked as everybody. The pool is real and on PostgreSQL; the shared chain is in memory."""
