"""What can go wrong between nodes.

NetworkError
  NetworkFileInvalid    the network file or a key file cannot be used; needs a person
  Unreachable           no usable answer came; asking again later may help   (a BeaconUnreachable to the pools)
  Declined              the node answered, and the answer is no              (a BeaconRefused to the pools)
"""

from data_pool.errors import BeaconRefused, BeaconUnreachable


class NetworkError(Exception):
    pass


class NetworkFileInvalid(NetworkError):
    pass


class Unreachable(NetworkError, BeaconUnreachable):
    """Nobody there, no answer in time, or an answer that no node of ours gives."""


class Declined(NetworkError, BeaconRefused):
    """`code` is for programs, the message for people; both come from the other node."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
