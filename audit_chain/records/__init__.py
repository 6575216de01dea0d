"""Records: a document's fields, each committed to under its own salt, and the openings that show some of them."""
