"""Visits to the portal: who opens a page, in a browser profile of their own, under a watch over what the page does."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, WebError, expect

from tests.e2e.browser.actions import PATIENCE, sign_in
from tests.stack import Stack

PEOPLE = {
    "owner": "nora@northwind-parts.example",
    "clerk": "nils@northwind-parts.example",
    "viewer": "nadia@northwind-parts.example",
    "bank": "mira@meridian-bank.example",
    "regulator": "rosa@market-regulator.example",
}

Sessions = dict[str, Any]
"""Cookies of who has signed in, by person."""


@dataclass  # without slots: Playwright keeps its own notes on it
class Watch:
    """What the pages of one test did and may not: log an error, load what the policy forbids, ask another host, fail.

    A test that provokes a refusal says so by `refusals.add(status)`.
    """

    hosts: set[str]
    refusals: set[int] = field(default_factory=set)
    offences: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        context.on("console", self._said)
        context.on("weberror", self._failed)
        context.on("request", self._asked)
        context.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        # Whether a status is an offence is for `_answered` to say.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.offences.append(f"{message.type} at {message.location.get('url')}: {message.text}")

    def _failed(self, error: WebError) -> None:
        self.offences.append(f"uncaught: {error.error}")

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc not in self.hosts:
            self.offences.append(f"request to elsewhere: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.refusals:
            self.offences.append(f"{response.status} for {response.request.method} {response.url}")


class Visits:
    """Call it with somebody of PEOPLE, or with nobody for a stranger, and get a new page; options are Playwright's."""

    def __init__(self, browser: Browser, stack: Stack, sessions: Sessions) -> None:
        self.watch = Watch(hosts={urlsplit(stack.portal_url).netloc})
        self._browser, self._stack, self._sessions = browser, stack, sessions
        self._opened = ExitStack()

    def __call__(self, person: str | None = None, **options: Any) -> Page:
        if person is not None:
            options["storage_state"] = self._signed_in(person)
        context = self._browser.new_context(**{"base_url": self._stack.portal_url} | options)
        self._opened.enter_context(context)
        context.set_default_timeout(PATIENCE)
        self.watch.over(context)
        page = context.new_page()
        # From the beginning: a chooser that opens before the browser is told to hand it over is lost.
        page.on("filechooser", lambda _: None)
        return page

    def _signed_in(self, person: str) -> Any:
        if person not in self._sessions:
            page = self()
            page.goto("/sign-in")
            sign_in(page, PEOPLE[person], self._stack.sign_in(PEOPLE[person]).password)
            expect(page.get_by_role("heading", level=1)).not_to_have_text("Sign in")
            self._sessions[person] = page.context.storage_state()
        return self._sessions[person]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()
