"""What people do on pages."""

import base64
from collections.abc import Callable, Mapping

from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.e2e.invoices import numbered

PATIENCE = 20_000  # milliseconds for anything that a page does by itself
FINAL_WITHIN = 60_000  # milliseconds, on a machine that does other things too

numbers = numbered("WEB")

Files = Mapping[str, bytes]


def sign_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def payloads(files: Files) -> list[FilePayload]:
    """The files as a file chooser gives them."""
    return [{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files.items()]


_DRAGGED = """files => {
  const dragged = new DataTransfer();
  for (const [name, data] of files)
    dragged.items.add(new File([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))], name));
  return dragged;
}"""


def drop(page: Page, files: Files) -> None:
    """Drags the files over the page's field for files and lets go."""
    encoded = [[name, base64.b64encode(data).decode()] for name, data in files.items()]
    dragged = page.evaluate_handle(_DRAGGED, encoded)
    for event in ("dragenter", "dragover", "drop"):
        page.locator("[data-drop]").dispatch_event(event, {"dataTransfer": dragged})


def button(page: Page, name: str) -> Locator:
    """A button of the page itself, not of the bar above it."""
    return page.get_by_role("main").get_by_role("button", name=name, exact=True)


def bring(page: Page, files: Files) -> None:
    """Imports the files; ends on the import's own page."""
    page.goto("/imports")
    page.get_by_label("Drop files here").set_input_files(payloads(files))
    button(page, "Import").click()
    page.wait_for_url("**/imports/*")


def wait_until_final(page: Page) -> None:
    """Returns when an import's page says so."""
    expect(page.get_by_role("heading", name="final")).to_be_visible(timeout=FINAL_WITHIN)


def row(page: Page, name: str) -> Locator:
    """The row of a table in which exactly this stands."""
    return page.get_by_role("row").filter(has=page.get_by_text(name, exact=True))


def outcome_in(page: Page, name: str) -> Locator:
    """The cell that says of that file's document that it became a record."""
    return row(page, name).get_by_role("cell", name="in", exact=True)


def card(page: Page, heading: str) -> Locator:
    """The part of a page under that heading."""
    return page.locator("section").filter(has=page.get_by_role("heading", name=heading))


def open_record(page: Page, file: str) -> None:
    """From an import's page to the record that the file became."""
    row(page, file).get_by_role("link", name="Open the record").click()
    page.wait_for_url("**/records/*")


def saved(page: Page, click: Callable[[], None]) -> bytes:
    """What the click downloads."""
    with page.expect_download() as download:
        click()
    return download.value.path().read_bytes()
