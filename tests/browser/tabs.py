"""What a person does and sees in a tab."""

from __future__ import annotations

import re
from collections.abc import Mapping

from playwright.sync_api import JSHandle, Page
from uploads import mime

#: Points of each live picture, by what it shows.
POINTS = (
    "Object.fromEntries([...document.querySelectorAll('.live-plot')].map(e => [e.getAttribute('aria-label'), "
    "Math.max(0, ...(e.data ?? []).map(t => (t.x?._inputArray ?? t.x ?? []).length))]))"
)
LOSS = "Loss terms by step"
VERDICT = "equally weighted households"
#: The film of a page of Learn.
PLAYER = "document.querySelector('.player')"


def received(page: Page) -> list[int]:
    """Bytes of each message that the page gets from its server, from now on: the list grows."""
    sizes: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: sizes.append(len(frame))))
    return sizes


def once(page: Page, condition: str) -> JSHandle:
    """Wait until some JavaScript holds. It looks ten times a second: by itself Playwright looks at, and so draws, sixty frames."""
    return page.wait_for_function(condition, polling=100)


def settle(page: Page) -> None:
    """Until the script has run to its end."""
    once(page, "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'")


def ready(page: Page) -> None:
    """Until a film is drawn and the script has run to its end."""
    once(page, f"{PLAYER}?.dataset.drawn > 0")
    settle(page)


def caption(page: Page) -> str:
    """What stands below the film."""
    return page.locator(".player .caption").inner_text()


def stages(page: Page) -> int:
    """Of the film."""
    return int(page.evaluate(f"{PLAYER}.film.captions.length"))


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def upload(page: Page, files: Mapping[str, bytes]) -> None:
    page.get_by_text("Or upload a matrix that is ready").click()
    payload = [{"name": name, "mimeType": mime(name), "buffer": content} for name, content in files.items()]
    page.locator('[data-testid="stFileUploaderDropzoneInput"]').set_input_files(payload)  # type: ignore[arg-type]
    press(page, "Read these files")
    page.get_by_text("was read as the matrix").wait_for()


def to_calibrate(page: Page) -> None:
    press(page, "Calibrate")
    page.wait_for_selector("h1:has-text('Calibrate')")
    page.get_by_role("button", name="Start", exact=True).wait_for()
    settle(page)


def epochs(page: Page, number: int) -> None:
    """Open the advanced settings, let the run use all its epochs, and type how many; the last is not even confirmed with Enter."""
    page.get_by_text("Advanced settings").click()
    field = page.get_by_role("spinbutton", name="Epochs")
    field.wait_for()
    settle(page)
    page.get_by_text("Stop when settled").click()
    page.get_by_text("Your own settings").wait_for()  # the server has heard of it
    settle(page)
    field.fill(str(number))


def start(page: Page) -> str:
    """Start, and the id of the run from the address."""
    press(page, "Start")
    return run_id(page)


def run_id(page: Page) -> str:
    return asked(page, "run")


def asked(page: Page, key: str) -> str:
    """What the address says of a key, once it says anything."""
    return str(once(page, f"new URLSearchParams(location.search).get('{key}')").json_value())


def picture(label: str = LOSS) -> str:
    """JavaScript for the element of a live picture."""
    return f"document.querySelector('.live-plot[aria-label=\"{label}\"]')"


def points(page: Page) -> dict[str, int]:
    return dict(page.evaluate(POINTS))


def wait_for_points(page: Page, more_than: int) -> None:
    """Until the curve of the loss has more points than that."""
    once(page, f"({POINTS})['{LOSS}'] > {more_than}")


def download(page: Page, name: str) -> bytes:
    with page.expect_download() as caught:
        page.get_by_role("button", name=re.compile(re.escape(name))).click()
    return caught.value.path().read_bytes()
