"""The one tree of errors that `audit_chain` raises.

    AuditChainError
    ├── Malformed                    the input cannot be read
    │   ├── MalformedEncoding        base64, hex, decimal or time text
    │   ├── MalformedJSON
    │   ├── MalformedKey             a verifier key or a private key file
    │   ├── MalformedNote
    │   ├── MalformedCheckpoint
    │   ├── MalformedCosignature
    │   ├── MalformedTile            a tile, an entry bundle or their path
    │   ├── MalformedTlogProof
    │   ├── MalformedPolicy
    │   ├── MalformedRequest
    │   ├── MalformedEntry
    │   ├── MalformedField           a document's name or value that no field can have
    │   ├── MalformedDisclosure
    │   ├── MalformedBundle
    │   ├── MalformedReceipt
    │   ├── MalformedStateName       a name that no state map can have
    │   ├── MalformedStateProof
    │   └── MalformedInterchange     an EIP-3076 file
    ├── Invalid                      the input is well-formed, and refuted
    │   ├── InvalidInclusionProof
    │   ├── InvalidConsistencyProof
    │   ├── InvalidStateProof
    │   ├── InvalidOpening           the disclosures are not the record's
    │   │   └── DuplicateField
    │   ├── InvalidSignature
    │   │   └── AmbiguousKey
    │   ├── InvalidEntry             the beacon's state does not let the entry in
    │   │   ├── InvalidGenesis
    │   │   ├── InvalidRegistration
    │   │   │   └── AlreadyRegistered
    │   │   ├── UnknownMember
    │   │   ├── UnknownPool
    │   │   ├── InvalidCrosslink
    │   │   │   ├── WrongParent
    │   │   │   └── InsufficientWeight
    │   │   ├── InvalidDeposit
    │   │   │   └── AlreadyDeposited
    │   │   ├── InvalidAttestation
    │   │   ├── InvalidValidatorChange
    │   │   ├── UnknownValidator
    │   │   ├── InvalidMotion
    │   │   ├── InvalidBallot
    │   │   ├── InvalidRestart
    │   │   ├── InvalidSlashing
    │   │   │   └── InvalidMisbehaviour  the proof does not show what it claims
    │   │   ├── Suspended            the pool or member is, by vote or because it was caught
    │   │   ├── StateMismatch        the seal commits to another state than ours
    │   │   ├── UnknownEpoch         the state says nothing about it, or nothing any more
    │   │   └── InvalidSeal
    │   ├── InvalidBundle            the parts of a bundle do not belong together
    │   │   ├── InvalidChecksum
    │   │   └── OtherFile
    │   ├── InvalidFinality          nothing shows that the checkpoint is final
    │   ├── InvalidUpdate            a light client cannot go on from what it trusts to that checkpoint
    │   │   └── StaleTrust           what it trusts is too old to go on from
    │   ├── InvalidReceipt           not what that log would say of a tree of that size
    │   ├── UnknownOrigin
    │   ├── QuorumNotReached
    │   └── Refused                  a witness will not sign; carries an HTTP status
    │       ├── RefusedMalformed         400
    │       ├── RefusedSignature         403
    │       ├── RefusedOrigin            404
    │       ├── RefusedOldSize           409
    │       ├── RefusedInconsistent      422
    │       ├── RefusedHistory           422, the entries do not hold, or not now
    │       └── RefusedVote              422, the vote would contradict another, or is none
    ├── LogError                     our own log cannot do what it was asked
    │   ├── NotInLog
    │   └── CorruptLog
    └── StateError                   our own state map cannot do what it was asked
        ├── UnknownVersion
        ├── OldVersion               a change to another version than the latest
        └── CorruptState

Parsers of untrusted bytes raise `Malformed` and nothing else. Messages name what was expected and what
was got by shape, size or position; they never repeat a value that may be private.
"""

from collections.abc import Mapping


class AuditChainError(Exception):
    """Root of everything this package raises on purpose."""

    def __init__(self, message: str, *, expected: object = None, got: object = None) -> None:
        self.expected = expected
        self.got = got
        if expected is not None:
            message = f"{message}: expected {expected}, got {got}"
        elif got is not None:
            message = f"{message}: got {got}"
        super().__init__(message)


class Malformed(AuditChainError):
    """The input cannot be read at all."""


class MalformedEncoding(Malformed):
    """Text that is not the one canonical base64, hex, decimal or time form of a value."""


class MalformedJSON(Malformed):
    """Bytes that are not the canonical JSON of a value, or a value that has no canonical JSON."""


class MalformedKey(Malformed):
    """A verifier key or a private key file that cannot be read."""


class MalformedNote(Malformed):
    """Bytes that are not a signed note."""


class MalformedCheckpoint(Malformed):
    """A note text that is not a checkpoint."""


class MalformedCosignature(Malformed):
    """A cosignature of the wrong length or with an impossible timestamp."""


class MalformedTile(Malformed):
    """A tile, entry bundle or tile path of the wrong shape."""


class MalformedTlogProof(Malformed):
    """Bytes that are not a tlog-proof."""


class MalformedPolicy(Malformed):
    """Bytes that are not a trust policy."""


class MalformedRequest(Malformed):
    """Bytes that are not an add-checkpoint request, or not its response."""


class MalformedEntry(Malformed):
    """Bytes that are not a log entry of a known type."""


class MalformedField(Malformed):
    """A name or value that no field of a record can have."""


class MalformedDisclosure(Malformed):
    """Text that is not a field disclosure."""


class MalformedBundle(Malformed):
    """Bytes that are not a proof bundle."""


class MalformedStateName(Malformed):
    """Text that no state map can have as a name."""


class MalformedStateProof(Malformed):
    """Bytes that are not a state proof."""


class MalformedReceipt(Malformed):
    """Bytes that are not a COSE receipt of inclusion."""


class MalformedInterchange(Malformed):
    """Bytes that are not a slashing-protection file (EIP-3076)."""


class Invalid(AuditChainError):
    """The input is well-formed and does not hold."""


class InvalidInclusionProof(Invalid):
    """The entry is not shown to stand at that index of that tree."""


class InvalidConsistencyProof(Invalid):
    """The newer tree is not shown to extend the older one."""


class InvalidStateProof(Invalid):
    """The name is not shown to have that value in the state, or not to be absent from it."""


class InvalidOpening(Invalid):
    """The disclosures are not shown to belong to the record."""


class DuplicateField(InvalidOpening):
    """One field is disclosed twice."""


class InvalidSignature(Invalid):
    """A known key's signature does not verify, or no known key signed."""


class AmbiguousKey(InvalidSignature):
    """Two keys given to the verifier share one name and key ID."""


class InvalidEntry(Invalid):
    """The beacon's state does not let the entry in."""


class InvalidGenesis(InvalidEntry):
    """A log begins with its genesis, and has no other."""


class InvalidRegistration(InvalidEntry):
    """A member or pool is registered under a key that is not named after it."""


class AlreadyRegistered(InvalidRegistration):
    """The name is taken."""


class UnknownMember(InvalidEntry):
    """No such member is registered."""


class UnknownPool(InvalidEntry):
    """No such pool is registered."""


class InvalidCrosslink(InvalidEntry):
    """The pool's checkpoint cannot become its crosslink."""


class WrongParent(InvalidCrosslink):
    """The crosslink does not follow the pool's current one."""


class InsufficientWeight(InvalidCrosslink):
    """Less than two thirds of the committee's weight cosigned the pool's checkpoint."""


class InvalidDeposit(InvalidEntry):
    """The deposit is not that member's on this network."""


class AlreadyDeposited(InvalidDeposit):
    """The member deposited the same file before."""


class InvalidAttestation(InvalidEntry):
    """The vote is not one that the state counts: wrong source or target, not active, or counted already."""


class InvalidValidatorChange(InvalidEntry):
    """The validator cannot join or come back like this."""


class UnknownValidator(InvalidEntry):
    """No such validator is registered."""


class InvalidMotion(InvalidEntry):
    """Nobody can carry that motion, or not now."""


class InvalidBallot(InvalidEntry):
    """The ballot is not an active validator's own, or comes twice or too late."""


class InvalidRestart(InvalidEntry):
    """The log does not go on from that tree, under that key, by enough votes."""


class InvalidSlashing(InvalidEntry):
    """Nobody can be slashed for that, or not any more."""


class InvalidMisbehaviour(InvalidSlashing):
    """The proof does not show the lie that it claims."""


class Suspended(InvalidEntry):
    """The pool or member is suspended."""


class StateMismatch(InvalidEntry):
    """The seal commits to another state; `subroots` are our own, by section."""

    def __init__(
        self, message: str, *, expected: object = None, got: object = None, subroots: Mapping[str, bytes] | None = None
    ) -> None:
        super().__init__(message, expected=expected, got=got)
        self.subroots = dict(subroots or {})


class UnknownEpoch(InvalidEntry):
    """The state says nothing about that epoch, or nothing any more."""


class InvalidSeal(InvalidEntry):
    """The seal does not follow the one before it."""


class InvalidBundle(Invalid):
    """The parts of a bundle do not belong together."""


class InvalidChecksum(InvalidBundle):
    """The bundle was changed after it was made."""


class OtherFile(InvalidBundle):
    """The file is not the one that the bundle speaks of."""


class InvalidFinality(Invalid):
    """The sealed state is not an epoch's boundary, or does not finalize the checkpoint."""


class InvalidUpdate(Invalid):
    """What is trusted does not lead to that checkpoint."""


class StaleTrust(InvalidUpdate):
    """What is trusted is too old: those who signed it may have left, and would not be punished for a lie."""


class InvalidReceipt(Invalid):
    """The receipt's header is not the one that the log writes for a tree of that size."""


class UnknownOrigin(Invalid):
    """The checkpoint belongs to a log that the policy does not list."""


class QuorumNotReached(Invalid):
    """Too few of the required witnesses cosigned."""


class Refused(Invalid):
    """A witness will not cosign; `status` is the HTTP status that C2SP tlog-witness gives to the reason."""

    status: int = 400

    def __init__(self, message: str, *, expected: object = None, got: object = None, size: int | None = None) -> None:
        super().__init__(message, expected=expected, got=got)
        self.size = size


class RefusedMalformed(Refused):
    """The old size exceeds the checkpoint's size."""

    status = 400


class RefusedSignature(Refused):
    """The log's signature is missing or does not verify."""

    status = 403


class RefusedOrigin(Refused):
    """The witness does not know the log."""

    status = 404


class RefusedOldSize(Refused):
    """The old size is not the latest one cosigned; `size` carries that one."""

    status = 409


class RefusedInconsistent(Refused):
    """The checkpoint does not extend the latest one cosigned."""

    status = 422


class RefusedHistory(Refused):
    """The log's entries are not those of its checkpoint, do not hold, or were not made about now."""

    status = 422


class RefusedVote(Refused):
    """The cosignature would be a vote that contradicts an earlier one, or no vote at all."""

    status = 422


class LogError(AuditChainError):
    """Our own log cannot do what it was asked to."""


class NotInLog(LogError):
    """An entry, tile or seal was asked for that the log does not hold."""


class CorruptLog(LogError):
    """What the store returns contradicts what the log recorded; nothing may be signed until it is repaired."""


class StateError(AuditChainError):
    """Our own state map cannot do what it was asked to."""


class UnknownVersion(StateError):
    """A version was asked for that the map never had, or has no longer."""


class OldVersion(StateError):
    """A change was asked for that does not follow the latest version."""


class CorruptState(StateError):
    """What the store returns contradicts the root that the map recorded."""
