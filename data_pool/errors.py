"""The pool's errors.

AuditChainError
  PoolError
    UnknownRecord          no record of that id in this pool
    UnknownBatch           no import of that id in this pool
    UploadRefused          an upload breaks a limit; nothing of it was kept
    ReplacementRefused     the newer record cannot replace the older one
    DisclosureRefused      the record cannot be disclosed so (not final yet, or no such field)
    RowDamaged             a stored row fails its own authentication
    BeaconRefused          the beacon's answer is not what its proofs or the trust policy allow
    Unreachable            another node could not be asked; asking again later is safe
      BeaconUnreachable
      WitnessUnreachable
"""

from audit_chain.errors import AuditChainError


class PoolError(AuditChainError):
    """What a pool refuses to do, and why."""


class UnknownRecord(PoolError):
    pass


class UnknownBatch(PoolError):
    pass


class UploadRefused(PoolError):
    pass


class ReplacementRefused(PoolError):
    pass


class DisclosureRefused(PoolError):
    pass


class RowDamaged(PoolError):
    pass


class BeaconRefused(PoolError):
    pass


class Unreachable(PoolError):
    pass


class BeaconUnreachable(Unreachable):
    pass


class WitnessUnreachable(Unreachable):
    pass
