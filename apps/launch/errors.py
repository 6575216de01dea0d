"""What can keep a network from starting."""


class LaunchError(Exception):
    """Something that whoever starts the network can mend; the message says what and how."""
