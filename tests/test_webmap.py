"""What stands around a map, in a real browser: search, lists, choices and printing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from axe_playwright_python.sync_playwright import Axe
from bredband_gis.webmap import (
    Choice,
    Group,
    Head,
    Panel,
    Places,
    Popup,
    Ranking,
    Search,
    ShapeLayer,
    Style,
    WebMap,
    pack,
)
from opened import CRS, EAST, NORTH, Opened

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE = 20_000.0
NAMES = ["Överkalix", "Norra Ås", "Åsele-Nyby", "Tomt & Mark"]
EVIL = "</script><img src=x onerror=alert(1)>"


def page(*, names: list[str] = NAMES, many: int = 0) -> WebMap:
    """Four squares in a row, one without geometry; of four layers to choose from one is absent."""
    boxes = [shapely.box(EAST + i * SIDE, NORTH, EAST + (i + 0.9) * SIDE, NORTH + SIDE)
             for i in range(4)]  # fmt: skip
    made = WebMap("Prov", bounds=(19.2, 65.7, 21.3, 66.0))
    columns = {
        "name": names, "rank": ["2", "1", "3", "4"], "homes": ["5", "9", "1", "0"],
        "part": ["Norr", "Söder", "Norr", None],
    }  # fmt: skip
    areas = pack([*boxes[:3], None], CRS, columns)
    popup = Popup("name", [("Hushåll", "homes")])
    made.add_child(areas)
    layers: dict[tuple[int, ...], ShapeLayer] = {}
    for number, key in enumerate([(0, 0), (0, 1), (1, 0)]):
        layers[key] = ShapeLayer(
            areas, f"lager {number}", [Style(f"klass {number}", fill=f"#{3 * number}080c0")],
            popup=popup, show=number == 0, order=number, highlight="#000000",
        )  # fmt: skip
        made.add_child(layers[key])
    extra = pack(
        (np.linspace(EAST, EAST + SIDE, many), np.full(many, NORTH)), CRS,
        {"name": [f"Byn {i}" for i in range(many)]},
    )  # fmt: skip
    made.add_child(extra)
    places = [Places(areas, "name", "område", layer=layers[0, 0]),
              Places(extra, "name", "by")]  # fmt: skip
    made.add_child(
        Head(
            "Prov", search=Search("Sök plats", "Hittar ingen sådan plats", places),
            printing=("Skriv ut", "Papper"),
        )
    )  # fmt: skip
    respects = [("Mått", ["anslutna", "närhet"]), ("Hastighet", ["100", "1000"])]
    made.add_child(
        Panel(
            "Kartlager",
            [Choice("Andel", "Andel hushåll", respects, layers, none="Ingen uppgift"),
             Group("Annat", [])],
            lists=[
                Ranking("Områden i ordning", layers[0, 1], [1, 0, 2, 3], "rank", "name", ["homes"],
                        part=("Kommun", "Alla", "part"), most=3, more="Fler finns")
            ],
        )
    )  # fmt: skip
    return made


def on_map(opened: Opened) -> list[str]:
    return opened.page.evaluate("map_0.webmapShown.map((l) => l.options.classes[0].label)")


def middle(opened: Opened) -> tuple[float, float]:
    """Give where the free part of the map is centred, in m of the small region."""
    return tuple(opened.page.evaluate("[map_0.getCenter().lat, map_0.getCenter().lng]"))


def search(opened: Opened) -> Any:
    return opened.page.get_by_role("combobox", name="Sök plats")


@pytest.mark.parametrize("typed", ["Överka", "överkalix", "OVERK"])
def test_a_search_goes_to_the_place(show: Callable[..., Opened], typed: str) -> None:
    opened = show(page())
    before = opened.page.evaluate("map_0.getZoom()")
    search(opened).fill(typed)
    assert opened.texts(".webmap-hits li") == ["Överkalix\nområde"]
    search(opened).press("Enter")
    opened.settle()
    assert opened.text(".webmap-popup h2") == "Överkalix"
    assert opened.text(".webmap-popup dd") == "5"
    assert opened.page.evaluate("map_0.getZoom()") > before
    spot = opened.spot(0.45 * SIDE, 0.5 * SIDE)
    assert 0 < spot["x"] < 1400
    assert 0 < spot["y"] < 900
    assert search(opened).input_value() == "Överkalix"
    assert opened.said == []
    assert len(opened.asked) == 1


def test_any_word_of_a_name_is_found_and_the_arrows_choose(show: Callable[..., Opened]) -> None:
    opened = show(page())
    field = search(opened)
    field.fill("ny")
    assert opened.texts(".webmap-hits li") == ["Åsele-Nyby\nområde"]
    field.fill("ås")
    # Names that start so come first; what has no geometry cannot be gone to.
    assert opened.texts(".webmap-hits li") == ["Åsele-Nyby\nområde", "Norra Ås\nområde"]
    field.press("ArrowDown")
    field.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") == "webmap-hit-1"
    field.press("Enter")
    assert opened.text(".webmap-popup h2") == "Norra Ås"
    field.fill("tomt")
    assert opened.texts(".webmap-hits li") == []
    assert "Hittar ingen sådan plats" in opened.text(".webmap-search")
    field.fill("")
    assert "Hittar" not in opened.text(".webmap-search")


def test_many_places_are_proposed_a_few_at_a_time(show: Callable[..., Opened]) -> None:
    opened = show(page(many=5000))
    search(opened).fill("byn")
    assert len(opened.texts(".webmap-hits li")) == 12
    search(opened).fill("byn 4999")
    opened.page.locator(".webmap-hits li").click()
    # A place without a popup is gone to.
    opened.settle()
    spot = opened.spot(SIDE, 0)
    assert 0 < spot["x"] < 1400
    assert opened.page.locator(".webmap-popup").count() == 0
    assert opened.page.locator(".webmap-hits").is_hidden()


def test_names_of_places_stay_text(show: Callable[..., Opened]) -> None:
    opened = show(page(names=[EVIL + str(i) for i in range(4)]))
    search(opened).fill("</scr")
    assert opened.texts(".webmap-hits li")[0] == f"{EVIL}0\nområde"
    opened.page.locator(".webmap-hits li").first.click()
    opened.page.get_by_role("button", name="Områden i ordning").click()
    assert opened.text(".webmap-list li >> nth=0").endswith(f"{EVIL}1\n9")
    assert opened.page.locator("img").count() == 0
    assert opened.dialogs == []


def test_a_list_beside_the_map_goes_to_what_is_clicked(show: Callable[..., Opened]) -> None:
    opened = show(page())
    assert opened.page.locator(".webmap-list").is_hidden()
    opened.page.get_by_role("button", name="Områden i ordning").click()
    assert opened.page.get_by_text("Andel hushåll").is_hidden()
    assert opened.texts(".webmap-list li") == ["1\nNorra Ås\n9", "2\nÖverkalix\n5",
                                               "3\nÅsele-Nyby\n1"]  # fmt: skip
    assert "Fler finns" in opened.text(".webmap-page >> nth=1")
    assert on_map(opened) == ["klass 0"]
    opened.page.locator(".webmap-list button").nth(2).click()
    opened.settle()
    assert opened.text(".webmap-popup h2") == "Åsele-Nyby"
    assert "klass 1" in on_map(opened), "the listed layer is shown"
    spot = opened.spot(2.45 * SIDE, 0.5 * SIDE)
    assert 0 < spot["x"] < 1400 - 320, "not under the panel"
    opened.page.get_by_label("Kommun").select_option("Norr")
    assert opened.texts(".webmap-list strong") == ["Överkalix", "Åsele-Nyby"]
    assert "Fler finns" not in opened.text(".webmap-page >> nth=1")
    opened.page.get_by_label("Kommun").select_option("")
    assert len(opened.texts(".webmap-list strong")) == 3


def test_a_list_works_by_keyboard(show: Callable[..., Opened]) -> None:
    opened = show(page())
    opened.page.get_by_role("button", name="Områden i ordning").press("Enter")
    opened.page.locator(".webmap-list button").first.focus()
    opened.page.keyboard.press("Enter")
    assert opened.text(".webmap-popup h2") == "Norra Ås"


def test_layers_are_chosen_by_measure_and_speed(show: Callable[..., Opened]) -> None:
    opened = show(page())
    assert on_map(opened) == ["klass 0"]
    opened.page.get_by_label("Hastighet").select_option("1000")
    opened.page.wait_for_timeout(50)
    assert on_map(opened) == ["klass 1"]
    assert "klass 1" in opened.text(".webmap-entry .webmap-legend")
    opened.page.get_by_label("Mått").select_option("närhet")
    opened.page.wait_for_timeout(50)
    assert on_map(opened) == []
    assert "Ingen uppgift" in opened.text(".webmap-entry .webmap-legend")
    opened.page.get_by_label("Hastighet").select_option("100")
    opened.page.wait_for_timeout(50)
    assert on_map(opened) == ["klass 2"]
    opened.check("Andel hushåll", on=False)
    assert on_map(opened) == []
    opened.check("Andel hushåll")
    assert on_map(opened) == ["klass 2"]


def test_paper_holds_map_and_legend(show: Callable[..., Opened]) -> None:
    opened = show(page(), width=1000, height=700)
    before = opened.page.evaluate("[map_0.getZoom(), map_0.getCenter().lat]")
    pdf = opened.page.pdf(prefer_css_page_size=True, print_background=True)
    assert pdf.count(b"/Type /Page\n") == 1 or b"/Count 1" in pdf
    # A4 lying: 842 x 595 points.
    assert b"/MediaBox [0 0 842" in pdf or b"/MediaBox [0 0 841" in pdf
    after = opened.page.evaluate("[map_0.getZoom(), map_0.getCenter().lat]")
    assert after == pytest.approx(before, abs=0.01)
    assert not opened.page.evaluate("document.body.classList.contains('webmap-paper')")
    opened.page.get_by_label("Papper").select_option("A3")
    pdf = opened.page.pdf(prefer_css_page_size=True, print_background=True)
    assert b"/MediaBox [0 0 1190" in pdf or b"/MediaBox [0 0 1191" in pdf
    # As it lies on the paper: no tools, the legend of what is shown, all that was seen.
    seen = opened.page.evaluate(
        """() => {
            const {paddingTopLeft, paddingBottomRight} = webmap.free(map_0);
            const before = L.latLngBounds(
                map_0.containerPointToLatLng(paddingTopLeft),
                map_0.containerPointToLatLng(map_0.getSize().subtract(paddingBottomRight)));
            window.dispatchEvent(new Event("beforeprint"));
            const style = (s) => getComputedStyle(document.querySelector(s)).display;
            const found = [style(".webmap-tools"), style(".webmap-toggle"), style(".webmap-legend"),
                           map_0.getBounds().contains(before), map_0.getSize().x];
            window.dispatchEvent(new Event("afterprint"));
            return found;
        }"""
    )
    assert seen[:2] == ["none", "none"]
    assert seen[2] != "none"
    assert seen[3] is True
    assert seen[4] == pytest.approx(400 * 96 / 25.4, abs=3)


@pytest.mark.parametrize("width", [1400, 390])
def test_axe_finds_nothing_serious(show: Callable[..., Opened], width: int) -> None:
    opened = show(page(), width=width)
    opened.page.get_by_role("button", name="Områden i ordning").click()
    opened.page.locator(".webmap-list button").first.click()
    found = Axe().run(opened.page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found
            if one["impact"] in ("serious", "critical")] == []  # fmt: skip


def test_all_can_be_reached_on_a_phone(show: Callable[..., Opened]) -> None:
    opened = show(page(), width=390, height=800)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    search(opened).fill("norra")
    opened.page.locator(".webmap-hits li").tap()
    assert opened.text(".webmap-popup h2") == "Norra Ås"
    opened.page.get_by_role("button", name="Områden i ordning").tap()
    box = opened.page.locator(".webmap-list button").first.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert box["y"] + box["height"] <= 800
