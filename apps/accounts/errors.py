"""Every rule that can be broken by a person or a program using the portal.

    PortalError
      NotAllowed            the actor's role does not reach
      NotFound              no such thing, or none that this organisation may know of
      Conflict              true already, or true no more
        AlreadyExists
        LastOwner
        NotFinalYet         (apps.exchange) nothing is said to be final before it is
      WrongInput            a value that cannot be used; `where` names it
      TryLater              another node does not answer, or too many attempts

`code` is for programs, the message for people; `apps.api.errors` maps each to one HTTP status.
"""


class PortalError(Exception):
    code = "refused"
    status = 400

    def __init__(self, message: str, *, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where


class NotAllowed(PortalError):
    code = "not_allowed"
    status = 403


class NotFound(PortalError):
    code = "not_found"
    status = 404


class Conflict(PortalError):
    code = "conflict"
    status = 409


class AlreadyExists(Conflict):
    code = "already_exists"


class LastOwner(Conflict):
    code = "last_owner"


class WrongInput(PortalError):
    code = "wrong_input"
    status = 400


class TryLater(PortalError):
    code = "try_later"
    status = 503


class TooManyAttempts(TryLater):
    code = "too_many_attempts"
    status = 429
