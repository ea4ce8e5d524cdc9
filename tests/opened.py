"""Pages in a real browser that has no network."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from bredband_gis.crs import transform_points
from bredband_gis.webmap import WebMap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

CRS = "EPSG:3006"
EAST, NORTH = 700_000.0, 7_300_000.0
NB = "\u00a0"
NARROW = "\u202f"


@dataclass
class Opened:
    """A page in the browser, and everything that it said or asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector).replace(NB, " ").replace(NARROW, " ")

    def texts(self, selector: str) -> list[str]:
        found = self.page.locator(selector).all_inner_texts()
        return [text.replace(NB, " ").replace(NARROW, " ").strip() for text in found]

    def spot(self, x: float, y: float) -> dict[str, float]:
        """Give the pixel where a place of the region is shown."""
        lon, lat = transform_points([x + EAST], [y + NORTH], CRS, "EPSG:4326")
        return self.page.evaluate(  # type: ignore[no-any-return]
            "([lat, lon]) => map_0.latLngToContainerPoint([lat, lon])",
            [float(lat[0]), float(lon[0])],
        )

    def click(self, x: float, y: float) -> None:
        self.settle()
        point = self.spot(x, y)
        self.page.mouse.click(point["x"], point["y"])
        self.settle()

    def settle(self) -> None:
        """Wait until the map stands still: it moves to make room for a popup."""
        self.page.evaluate(
            """() => new Promise((done) => {
                let still = 0;
                (function look() {
                    still = map_0._panAnim && map_0._panAnim._inProgress ? 0 : still + 1;
                    if (still > 6) { done(); } else { requestAnimationFrame(look); }
                }());
            })"""
        )

    def zoom_to(self, x: float, y: float, zoom: float) -> None:
        lon, lat = transform_points([x + EAST], [y + NORTH], CRS, "EPSG:4326")
        self.page.evaluate(
            "([lat, lon, zoom]) => { map_0.setView([lat, lon], zoom, {animate: false}); }",
            [float(lat[0]), float(lon[0]), zoom],
        )

    def colour(self, x: float, y: float, layer: int = 0) -> str:
        """Give the colour that the n-th lowest layer shows at a place; empty where none."""
        return self.page.evaluate(  # type: ignore[no-any-return]
            """([at, n]) => {
                const layer = [...map_0.webmapShown].reverse()[n], c = layer._container;
                const ratio = c.width / parseFloat(c.style.width);
                const p = map_0.containerPointToLayerPoint([at.x, at.y])
                    .subtract(layer._bounds.min).multiplyBy(ratio);
                const [r, g, b, a] = c.getContext("2d").getImageData(p.x, p.y, 1, 1).data;
                return a ? "#" + [r, g, b].map((v) => v.toString(16).padStart(2, "0"))
                    .join("") : "";
            }""",
            [self.spot(x, y), layer],
        )

    def check(self, label: str, *, on: bool = True) -> None:
        box = self.page.get_by_label(label, exact=True)
        box.check() if on else box.uncheck()
        self.page.wait_for_timeout(50)


def start_browser() -> Iterator[Browser]:
    """Start Chromium; skip the test where it is absent."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed, so no page can be opened")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where it is used

    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium, args=flags)
        yield opened
        opened.close()


def opener(browser: Browser, folder: Path) -> Iterator[Callable[..., Opened]]:
    """Open maps, pages of HTML or files in tabs without a network."""
    contexts = []

    def show(page: WebMap | str | Path, *, width: int = 1400, height: int = 900) -> Opened:
        phone = width < 500
        context = browser.new_context(
            viewport={"width": width, "height": height}, is_mobile=phone, has_touch=phone,
            offline=True,
        )  # fmt: skip
        context.set_default_timeout(15_000)
        contexts.append(context)
        tab = context.new_page()
        opened = Opened(tab)
        tab.on("console", lambda message: opened.said.append(message.text))
        tab.on("pageerror", lambda error: opened.said.append(str(error)))
        tab.on("request", lambda request: opened.asked.append(request.url))
        tab.on("dialog", lambda box: (opened.dialogs.append(box.message), box.dismiss()))
        context.route(re.compile(r"^(https?|wss?):"), lambda route: route.abort())
        path = folder / "map.html"
        if isinstance(page, str):
            path.write_text(page, encoding="utf-8")
        elif isinstance(page, WebMap):
            page.save(path)
        else:
            path = page
        tab.goto(path.as_uri())
        return opened

    yield show
    for context in contexts:
        context.close()
