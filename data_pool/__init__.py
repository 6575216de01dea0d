"""A data pool: one enterprise's documents, committed in its own log, encrypted, searchable and disclosable by field."""
