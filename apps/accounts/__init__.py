"""Who may do what: organisations, their people, and the tokens their programs carry."""
