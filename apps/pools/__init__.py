"""The pools that this portal hosts: where they are, how they are made, what keeps them moving."""
