"""Take the pictures of docs/first-screen.md, of the demo served at an address.

`python -m tools.screenshots http://127.0.0.1:8000`
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parents[1] / "docs"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip
FIRM = "/e/91999999MA0000285N"
PICTURES = (
    ("first-screen-zh", "/", "zh-CN", 1280, 1060, "light"),
    ("first-screen-en", "/", "en-GB", 1280, 1060, "light"),
    ("card-zh", FIRM, "zh-CN", 1280, 1060, "light"),
    ("card-en", FIRM + "?valid=2025-05-01", "en-GB", 1280, 1060, "light"),
    ("history-zh", FIRM + "#history", "zh-CN", 1280, 620, "light"),
    ("phone-zh", "/", "zh-CN", 375, 812, "dark"),
)


def main(address: str) -> None:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        sys.exit("No Chromium here: make browser installs one, or says how.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for name, where, locale, width, height, scheme in PICTURES:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                locale=locale,
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page = context.new_page()
            page.goto(address + where)
            if page.locator("#map").count():
                page.locator("#map[data-shown]").wait_for()
            # Names on the map fade in.
            page.wait_for_timeout(1200)
            page.screenshot(path=FOLDER / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
