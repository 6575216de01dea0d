"""What the beacon says no with, and the HTTP status of each reason."""

from apps.network import beacon_api as api
from audit_chain import errors

_STATUSES: tuple[tuple[type[errors.AuditChainError], int], ...] = (
    (errors.WrongParent, 409),
    (errors.AlreadyRegistered, 409),
    (errors.AlreadyDeposited, 409),
    (errors.UnknownPool, 403),
    (errors.UnknownMember, 403),
    (errors.UnknownValidator, 403),
    (errors.Suspended, 403),
    (errors.InsufficientWeight, 403),
)


class Refusal(Exception):
    """An answer that is a no, whole."""

    def __init__(self, status: int, code: str, message: str, *, where: str | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.answer: object = api.Refusal(api.Problem(code=code, message=message, where=where))


class ParentRefusal(Refusal):
    def __init__(self, message: str, current: api.Head) -> None:
        super().__init__(409, "wrong_parent", message)
        self.answer = api.ParentRefusal(error=api.Problem(code="wrong_parent", message=message), current=current)


class FinalityRefusal(Refusal):
    def __init__(self, final_size: int) -> None:
        message = "no finalized checkpoint covers this entry yet"
        super().__init__(409, "not_final", message)
        self.answer = api.FinalityRefusal(error=api.Problem(code="not_final", message=message), final_size=final_size)


def not_found(what: str) -> Refusal:
    return Refusal(404, "not_found", f"the beacon has no such {what}")


def status_of(error: errors.Malformed | errors.Invalid) -> int:
    """The status of the first kind that fits."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 422)
