"""What is wrong in region.toml is told in Swedish, and in English on request."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import bredband
import pytest
import small_region
import tomlkit
from bredband import faults, phrases
from bredband.cli import main
from bredband.phrases import explain, translate
from bredband.region import Region, RegionError, SourceSettings
from click.testing import CliRunner
from languages import english_in, swedish_in
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTED = "asphalt, road_edge, soft, plough, aerial, rock"
PRICE = {"value": 4, "unit": "SEK/m", "source": "anbud"}
CLASS = {"layer": "soil", "name": "berg", "values": [1]}

# What a table among several needs beside the setting that is broken.
WHOLE: dict[str, Any] = {
    "goals": {"name": "Mål", "target": 0.9, "speed_mbit": 100, "measure": "connected"},
    "ground.classes": CLASS,
    "ground.protected": {"name": "reservat"},
    "priority.criteria": {"name": "households"},
    "priority.budgets": {"name": "ERUF", "sek": 1},
    "sources": {"path": "a.gpkg"},
    "prices": PRICE,
    "backbone.trench": PRICE,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_region.write(tmp_path_factory.mktemp("fel") / "region")


def say(folder: Path, settings: dict[str, Any] | str, *words: str, command: str = "check") -> str:
    text = settings if isinstance(settings, str) else tomlkit.dumps(settings)
    (folder / "region.toml").write_text(text, encoding="utf-8")
    return call(command, folder, *words)


def call(command: str, folder: Path, *words: str) -> str:
    more = ["--out", str(folder.parent / "ut")] if command == "run" else []
    done = CliRunner().invoke(main, [command, str(folder), *more, *words])
    assert done.exit_code == 1, done.output
    return done.output


def with_(**changes: Any) -> dict[str, Any]:
    """Give the small region with sections changed key by key; None takes one away."""
    content = small_region.content()
    for name, change in changes.items():
        old = content.get(name)
        both = isinstance(change, dict) and isinstance(old, dict)
        content[name] = {**old, **change} if both else change
        if both:
            content[name] = {k: v for k, v in content[name].items() if v is not None}
    return {name: part for name, part in content.items() if part is not None}


# --- no English is left -------------------------------------------------------------------------


def words_of(text: str) -> set[str]:
    return {word.casefold() for word in re.findall(r"[^\W\d_]{2,}", text)}


def names_in(model: Any) -> Iterator[str]:
    """Name every setting and every word that one may be."""
    if get_origin(model) is Literal:
        yield from map(str, get_args(model))
    for inner in get_args(model):
        yield from names_in(inner)
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            yield name
            yield from names_in(field.annotation)


SWEDISH = words_of(
    " ".join(
        re.sub(r"\{\w+(:said)?\}", " ", one.other)
        for section in phrases.phrases("sv").values()
        for one in section
    )
    + " Gör så här toml inf nan"
)
SWEDISH |= words_of(LISTED.replace("_", " "))
NAMES = words_of(" ".join(names_in(Region)).replace("_", " "))


def test_the_words_are_swedish() -> None:
    assert not SWEDISH & words_of("must is the not there write missing setting number than there")


def foreign(text: str, settings: dict[str, Any] | str = "") -> set[str]:
    """List the words of a message that are neither Swedish, settings nor in the file."""
    said = re.sub(r"\S*[/\\]\S*|\S*…\S*", " ", text)
    given = json.dumps(settings, ensure_ascii=False, default=str)
    return words_of(said.replace("_", " ")) - SWEDISH - NAMES - words_of(given.replace("_", " "))


# --- each kind of setting, broken once ----------------------------------------------------------


def settings_of(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[Any]:
    """Give every setting: its path, its type, its field."""
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        here = (*path, name)
        yield here, field.annotation, field
        inner = faults._model(field.annotation)
        if inner.model_fields:
            key = ("soft",) if get_origin(field.annotation) is dict else ()
            if key == ("soft",) and name == "takeup":
                key = ("total",)
            yield from settings_of(inner, (*here, *key))


def wrong_values(kind: Any, field: Any) -> Iterator[tuple[Any, str]]:
    """Give values that a setting may not have, and what must be said of them."""
    one = faults._one(kind) if get_origin(kind) not in (list, dict) else kind
    if one in (int, float):
        yield from wrong_numbers(one, field)
    elif one is bool:
        yield "ja", "skriv true"
        yield "Nej", "skriv false"
        yield 7, "ska vara true (ja) eller false (nej)"
    elif one in (str, Path):
        yield 25, 'ska vara text inom citattecken (det står 25); skriv "25"'
        yield [1], "ska vara text (det står [1])"
    elif get_origin(one) is Literal:
        yield "fel", f"ska vara något av {', '.join(get_args(one))} (det står "
        if len(get_args(one)[0]) > 2:
            yield get_args(one)[0] + "x", f"menade du {get_args(one)[0]}?"
    elif get_origin(one) is dict:
        yield 7, "ska vara en tabell, som { … = … } (det står 7)"
        if faults._model(one).model_fields:
            yield {"a": 7}, "som { value = 7, unit = …, source = … } (det står 7)"
        elif get_args(one)[1] in (float, str):
            yield {"2501": [1]}, "ska vara"
        else:
            yield {"x": [1]}, "ska vara text, ett tal, eller true eller false (det står [1])"
    elif get_origin(one) is list:
        yield from wrong_lists(one)
    else:
        assert faults._is_model(one), one
        yield 7, "ska vara en tabell med inställningar"
        yield [{"a": 1}], "ska vara en tabell: skriv ["


def wrong_numbers(one: type, field: Any) -> Iterator[tuple[Any, str]]:
    yield "abc", "ska vara ett heltal" if one is int else "ska vara ett tal"
    yield "50 000", "skriv 50000"
    if one is int:
        yield 2.5, "ska vara ett heltal"
    for name, step, said in (
        ("ge", -1, "{:g} eller större"),
        ("gt", 0, "större än {:g}"),
        ("le", 1, "{:g} eller mindre"),
        ("lt", 0, "mindre än {:g}"),
    ):
        for limit in (getattr(one, name) for one in field.metadata if hasattr(one, name)):
            yield limit + step, f"ska vara {said.format(limit)}"


def wrong_lists(one: Any) -> Iterator[tuple[Any, str]]:
    inner = faults._model(one)
    if inner is SourceSettings:
        yield 7, "ska vara en tabell med inställningar, som { path = … } (det står 7)"
    elif inner.model_fields:
        yield 7, "ska vara en lista med tabeller, var och en under [["
    else:
        yield 7, "ska vara en lista (det står 7); skriv [7]"
        yield [["a"]], "värde 1) ska vara"


def laid(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Give the small region with a setting, and what it cannot do without."""
    content: dict[str, Any] = small_region.content()
    inside = content
    for n, name in enumerate(path[:-1], 1):
        here = ".".join(path[:n])
        if here in ("goals", "ground.classes", "ground.protected", "priority.criteria",
                    "priority.budgets"):  # fmt: skip
            inside[name] = [dict(WHOLE[here])]
            inside = inside[name][0]
            continue
        whole = WHOLE.get(here) if n > 1 else None
        if whole is None and n == len(path) - 1 and path[0] in ("sources", "prices") and n > 1:
            whole = WHOLE[path[0]]
        inside = inside.setdefault(name, dict(whole or {}))
    inside[path[-1]] = value
    return content


ALL = [
    (path, kind, field)
    for path, kind, field in settings_of(Region)
    # What is said of a setting of one price or one file is said of all of them.
    if path[:2] in (("prices", "duct"), ("prices", "takeup"), ("sources", "roads"))
    or path[0] not in ("prices", "sources")
    or len(path) < 3
]
BROKEN = [
    pytest.param(path, value, said, id=f"{'.'.join(path)}={value}")
    for path, kind, field in ALL
    for value, said in wrong_values(kind, field)
    if path != ("prices", "book")  # a number may be the name of a file
]


@pytest.mark.parametrize(("path", "value", "said"), BROKEN)
def test_a_wrong_value_is_told_in_swedish(
    path: tuple[str, ...], value: Any, said: str, folder: Path
) -> None:
    settings = laid(path, value)
    text = say(folder, settings)
    place = ".".join(path)
    first, *_, last = text.strip().splitlines()
    assert f"region.toml: [{place}" in first, text
    assert said in first, text
    shown = "[[" if isinstance(value, list) else json.dumps(value, ensure_ascii=False)
    assert shown in first or isinstance(value, (list, dict)), text
    assert last == "Gör så här: rätta region.toml"
    assert not foreign(text, settings), text
    assert not english_in(re.sub(r"\(det står.*?\)", "", text)), text
    with pytest.raises(RegionError) as caught:
        Region.from_dict(settings, folder=folder)
    assert not swedish_in(re.sub(r"\(.*?\)", "", str(caught.value)))


@pytest.mark.parametrize("path", [p for p, _, f in ALL if f.is_required()], ids=".".join)
def test_what_is_missing_is_told_in_swedish(path: tuple[str, ...], folder: Path) -> None:
    settings = laid(path, 0)
    inside: Any = settings
    for name in path[:-1]:
        inside = inside[name][0] if isinstance(inside[name], list) else inside[name]
    del inside[path[-1]]
    if path[0] == "sources" and len(path) > 2:
        inside["licence"] = "CC0"
    text = say(folder, settings)
    assert re.search(rf"\[{re.escape('.'.join(path))}\](?: \(nr 1\))? saknas: skriv", text), text
    assert path[-1] in text.split("skriv")[1]
    assert not foreign(text, settings), text


@pytest.mark.parametrize("path", [p for p, _, _ in ALL], ids=".".join)
def test_a_misspelt_setting_is_guessed(path: tuple[str, ...], folder: Path) -> None:
    wrong = (
        (*path[:-1], path[-1][:-1] + "qx") if len(path[-1]) > 3 else (*path[:-1], path[-1][::-1])
    )
    settings = laid(wrong, 1)
    text = say(folder, settings)
    if path[0] == "prices" and len(path) == 2:
        assert f"[prices] priset {wrong[-1]} finns inte; " in text, text
    else:
        assert f"[{'.'.join(wrong)}]" in text, text
        assert "är ingen inställning; kontrollera stavningen" in text, text
    if len(path[-1]) > 5:
        assert "menade du " in text, text
    if len(path[-1]) > 7:
        assert f"menade du {path[-1]}?" in text, text
    assert not foreign(text, settings), text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"buildout": {"proximity_m": 5}},
         "[buildout.proximity_m] är ingen inställning här; den står under [definitions]"),
        ({"language": "sv"}, "[language] är ingen inställning här; den står under [region]"),
        ({"priority": {"weight": 1}},
         "[priority.weight] är ingen inställning här; den står under [[priority.criteria]]"),
        ({"definitions": {"Proximity_M": 5}},
         "[definitions.Proximity_M] är ingen inställning; kontrollera stavningen (menade du"
         " proximity_m?)"),
        ({"region": {"bredd": 5}},
         "[region.bredd] är ingen inställning; kontrollera stavningen; det finns name, code, crs,"
         " year, language"),
        ({"sources": {"vägar": {"path": "a"}}},
         '[sources."vägar"] är ingen inställning; kontrollera stavningen; det finns'
         " municipalities, premises, roads,"),
        ({"sources": {"roads": [{"path": "a"}, {"path": "b", "laier": "c"}]}},
         "[sources.roads.laier] (nr 2) är ingen inställning; kontrollera stavningen (menade du"
         " layer?)"),
        ({"goals": [WHOLE["goals"], {**WHOLE["goals"], "target": 95}]},
         "[goals.target] (nr 2) ska vara 1 eller mindre (det står 95); skriv 0.95 för 95 %"),
        ({"ground": {"classes": [CLASS, {**CLASS, "values": [2, 3, "x"]}]}},
         '[ground.classes.values] (nr 2, värde 3) ska vara ett tal (det står "x")'),
        ({"definitions": {"proximity_m": "0,5"}}, '(det står "0,5"); skriv 0.5'),
        ({"definitions": {"search_m": float("nan")}}, "ska vara större än 0 (det står nan)"),
        ({"priority": {"criteria": [{"name": "households", "weight": float("inf")}]}},
         "ska vara ett ändligt tal (det står inf)"),
        ({"pts": {"budget_sek": {"norrland": 1}}},
         "[pts.budget_sek.norrland] ska vara något av Norrland, Svealand, Götaland (det står"
         ' "norrland"); menade du Norrland?'),
        ({"prices": {"index": {"i år": 1}}},
         '[prices.index."i år"] ska vara ett heltal (det står "i år")'),
        ({"ground": {"classes": [{**CLASS, "name": "a+b"}]}}, "får inte innehålla ett +"),
        ({"ground": {"classes": [{**CLASS, "name": ""}]}}, 'får inte vara tom (det står "")'),
        ({"sources": {"roads": []}}, "[sources.roads] ska ha minst ett värde"),
        ({"prices": {"trench": {}}}, "[prices.trench] ska ha minst ett värde"),
        ({"definitions": {"speeds_mbit": []}}, "[definitions.speeds_mbit] ska ha minst ett"),
        ({"goals": {"name": "x"}},
         "[goals] ska vara en lista med tabeller, var och en under [[goals]]"),
        ({"region": [{"name": "x"}]}, "[region] ska vara en tabell: skriv [region], inte [[region"),
        ({"sources": {"roads": "väg.gpkg"}}, 'som { path = "väg.gpkg" } (det står "väg.gpkg")'),
        ({"prices": {"duct": "dyrt"}}, "som { value = …, unit = …, source = … } (det står"),
        ({"region": {"name": "x" * 50 + " must be text (it is 5); write 6", "year": "i fjol"}},
         '[region.year] ska vara ett heltal (det står "i fjol")'),
        ({"region": {"year": "is missing: write a = b"}},
         'ska vara ett heltal (det står "is missing: write a = b")'),
        ({"region": {"name": ["å" * 99]}}, f'(det står ["{"å" * 57}…)'),
    ],
)  # fmt: skip
def test_what_is_said_of_a_setting(changes: dict[str, Any], said: str, folder: Path) -> None:
    text = say(folder, with_(**changes))
    assert said in text
    assert len(text.strip().splitlines()) == 2
    assert not foreign(text, changes), text


# --- what does not go together ------------------------------------------------------------------


def price(value: float, unit: str = "SEK/m", **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": unit, "source": "anbud", **more}


def classes(*more: dict[str, Any]) -> dict[str, Any]:
    return {"ground": {"classes": [{"layer": "soil", "name": "berg", **one} for one in more]}}


def criterion(**more: Any) -> dict[str, Any]:
    return {"priority": {"criteria": [{"name": "households", **more}]}}


SOIL = {"sources": {"soil": {"path": "jord.tif"}}}

TOGETHER: list[tuple[dict[str, Any], str]] = [
    ({"prices": {"dukt": price(4)}}, "[prices] priset dukt finns inte; menade du duct?"),
    ({"prices": {"zzz": price(4)}}, "[prices] priset zzz finns inte; det finns book, year, index"),
    ({"prices": {"duct": price(4, low=3)}},
     "[prices.duct] ett spann behöver både low och high"),
    ({"prices": {"duct": price(4, low=5, high=6)}},
     "[prices.duct] värdet 4 ligger utanför spannet 5-6; rätta value, low eller high"),
    ({"prices": {"other_surface": "guld"}},
     f"[prices] ytan guld har inget pris i [prices.trench], som har {LISTED}"),
    ({"prices": {"water": {"soft": price(4)}}},
     "[prices] soft står både i [prices.trench] och i [prices.water]; behåll den ena"),
    ({"prices": {"takeup": {"stad": price(0.7, "share")}}},
     "[prices] takeup.stad är inget av total, tätort, småort"),
    ({"prices": {"duct": price(4, "SEK/km")}}, "[prices] duct är i SEK/m, inte i SEK/km"),
    ({"prices": {"takeup": {"total": price(70, "share")}}},
     "[prices] takeup.total är en andel från 0 till 1: skriv 0.05 för 5 %"),
    ({"prices": {"colaying_contribution": price(60, quantity=1)}},
     "[prices] colaying_contribution 60 SEK/m är mer än vad schakten själv kostar (trench.plough:"
     " 55); sänk det"),
    ({"prices": {"index": {"2017": 1.0}}}, "[prices] index behöver year: året att räkna om till"),
    ({"prices": {"year": 2024, "index": {"2017": 1.0}}},
     "[prices] index saknar 2024, året att räkna om till"),
    ({"prices": {"year": 2024, "index": {"2024": 1.0}, "duct": price(4, year=2012, quantity=1)}},
     "[prices] index saknar 2012, året för priset duct; lägg till det"),
    (classes({"values": [1], "below": 4}),
     "[ground.classes] (nr 1) klassen berg har både värden och gränser (at_least, below); ange det"
     " ena"),
    (classes({}), "[ground.classes] (nr 1) klassen berg har varken värden eller gränser"),
    (classes({"at_least": 5, "below": 4}),
     "[ground.classes] (nr 1) klassen berg är från 5 till under 4; at_least ska vara mindre än"
     " below"),
    (classes({"values": [1]}, {"name": "morän", "at_least": 1}),
     "[ground] klasserna berg och morän av soil har samma värden; låt varje värde stå i en av dem"),
    (classes({"values": [1]}, {"values": [2]}),
     "[ground] två klasser av soil heter berg; ange alla värden i en"),
    ({"ground": {"protected": [{"name": "a", "kind": "lines"}, {"name": "b", "kind": "lines"}]}},
     "[ground] två regler gäller skyddade områden av slaget lines; behåll en"),
    ({"ground": {"protected": [{"name": "a"}, {"name": "b"}]}},
     "[ground] två regler gäller alla andra skyddade områden; behåll en"),
    (classes({"values": [1]}),
     "[ground] klassen berg är av soil, men [sources.soil] saknas; ange filen där"),
    ({**SOIL, **classes({"values": [1], "trench": "rok"})},
     "[ground] trench för klassen berg: priset rok finns inte i [prices.trench]; menade du rock?"),
    ({**SOIL, **classes({"values": [1], "overland": "zzz"})},
     "[ground] overland för klassen berg: priset zzz finns inte i [prices.trench]; det finns"
     f" {LISTED}"),
    ({"ground": {"lake": "sjökabel"}},
     f"[ground] lake: priset sjökabel finns inte i [prices.water]; det finns {LISTED}"),
    ({"ground": {"protected": [{"name": "a"}]}},
     "[ground] [[ground.protected]] behöver områdena: [sources.protected] saknas; ange filen där"),
    (criterion(value="threshold"),
     "[priority.criteria] (nr 1) en tröskel behöver best: talet som är bra nog"),
    (criterion(value="threshold", best=1.0, worst=0.0),
     "[priority.criteria] (nr 1) en tröskel har inget worst: det som inte når best ger 0; ta bort"
     " worst"),
    (criterion(value="log", worst=0.0),
     "[priority.criteria] (nr 1) worst och best ska vara över 0 när value är log"),
    (criterion(worst=1.0, best=1.0),
     "[priority.criteria] (nr 1) worst och best är samma tal; med value = \"threshold\" anges bara"
     " best"),
    (criterion(worst=1.0, best=2.0, better="less"),
     "[priority.criteria] (nr 1) better är 'less', men best och worst säger tvärtom; rätta det"
     " ena"),
    ({"priority": {"criteria": [{"name": "households"}, {"name": "households"}]}},
     "[priority.criteria] kriteriet households står mer än en gång"),
    (criterion(weight=0.0), "[priority.criteria] inget kriterium har en vikt över 0"),
    ({"pts": {"mark_order": ["households", "households"]}},
     "[pts.mark_order] mark_order nämner en kolumn två gånger; behåll den ena"),
    ({"pts": {"budget_sek": {"Norrland": -1}}},
     "[pts.budget_sek] budget_sek har ett negativt eller oändligt belopp; skriv kronor från 0"),
    ({"backbone": {"trench": price(4, "SEK/km")}}, "[backbone] trench är i SEK/m, inte i SEK/km"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), TOGETHER, ids=lambda one: str(one)[:50])
def test_what_does_not_go_together(changes: dict[str, Any], said: str, folder: Path) -> None:
    text = say(folder, with_(**changes), command="run")
    assert f"region.toml: {said}" in text
    assert text.endswith("\nGör så här: rätta region.toml\n")
    assert not foreign(text, changes), text
    english = say(folder, with_(**changes), "--lang", "en", command="run")
    assert english.endswith("\nWhat to do: correct region.toml\n")
    place = said.split("]", maxsplit=1)[0]
    assert place in english
    assert said not in english
    assert not swedish_in(re.sub(r"berg|morän", "", english)), english


def test_every_sentence_of_the_settings_is_in_swedish() -> None:
    """Whoever words a new one translates it here."""
    package = Path(str(bredband.__file__)).parent
    untold = []
    for path in (*package.glob("settings*.py"), package / "prices.py", package / "region.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "msg":
                untold += [one for one in sentences(node.value) if translate(one, "sv") == one]
    assert not untold


def sentences(node: ast.AST) -> list[str]:
    if isinstance(node, ast.IfExp):
        return [*sentences(node.body), *sentences(node.orelse)]
    if isinstance(node, ast.JoinedStr):
        parts = [p.value if isinstance(p, ast.Constant) else "did you mean ö?" for p in node.values]
        return ["".join(map(str, parts))]
    return [str(ast.literal_eval(node))]


# --- several at once ----------------------------------------------------------------------------


def test_several_faults_stand_below_each_other(folder: Path) -> None:
    wrong = with_(region={"year": None}, definitions={"proximty_m": 5, "search_m": "långt; [a] is"},
                  goals=[WHOLE["goals"], {**WHOLE["goals"], "target": 2}])  # fmt: skip
    path = folder / "region.toml"
    assert say(folder, wrong) == (
        f"{path}: 4 inställningar är fel:\n"
        "  [region.year] saknas: skriv year = …\n"
        '  [definitions.search_m] ska vara ett tal (det står "långt; [a] is")\n'
        "  [definitions.proximty_m] är ingen inställning; kontrollera stavningen"
        " (menade du proximity_m?)\n"
        "  [goals.target] (nr 2) ska vara 1 eller mindre (det står 2); skriv 0.02 för 2 %\n"
        "Gör så här: rätta region.toml\n"
    )
    assert say(folder, wrong, "--lang", "en") == (
        f"{path}: 4 settings are wrong:\n"
        "  [region.year] is missing: write year = …\n"
        '  [definitions.search_m] must be a number (it is "långt; [a] is")\n'
        "  [definitions.proximty_m] is not a setting; check the spelling"
        " (did you mean proximity_m?)\n"
        "  [goals.target] (no. 2) must be less than or equal to 1 (it is 2); write 0.02 for 2 %\n"
        "What to do: correct region.toml\n"
    )


def test_in_python_the_faults_are_a_list(tmp_path: Path) -> None:
    with pytest.raises(RegionError) as caught:
        Region.from_dict(with_(region={"year": None, "code": 25}), folder=tmp_path)
    assert [one.place for one in caught.value.faults] == ["[region.code]", "[region.year]"]
    assert str(caught.value).startswith("region.toml: 2 settings are wrong:\n  [region.code] must")
    assert explain(caught.value, "en", to_do="What to do:") == str(caught.value)


# --- which language -----------------------------------------------------------------------------

ENGLISH, SWEDISH_TOO = "What to do: ", "Gör så här: "


@pytest.mark.parametrize("command", ["check", "run", "backbone"])
def test_the_language_is_that_of_the_file_or_the_command(command: str, folder: Path) -> None:
    for language, asked, wanted in (
        (None, None, SWEDISH_TOO),
        ("sv", None, SWEDISH_TOO),
        ("en", None, ENGLISH),
        ("en", "sv", SWEDISH_TOO),
        ("sv", "en", ENGLISH),
        ("fr", None, SWEDISH_TOO),
        (7, "en", ENGLISH),
    ):
        more = ["--lang", asked] if asked else []
        region = {"language": language} if language else {}
        said = say(folder, with_(region={**region, "code": 25}), *more, command=command)
        assert wanted in said, (language, asked, said)


@pytest.mark.parametrize(
    "text",
    ['[region]\nlanguage = "en"\nname = Å', "[region]\r\n  language='en' # so\r\nname = Å",
     '[region]\nlanguage = "en"\n[prices]\nbook = "none.toml"'],
)  # fmt: skip
def test_the_language_is_found_in_a_file_that_is_no_toml(text: str, folder: Path) -> None:
    assert ENGLISH in say(folder, text)
    assert SWEDISH_TOO in say(folder, text, "--lang", "sv")
    assert SWEDISH_TOO in say(folder, text.replace("language", "# language"))
    assert SWEDISH_TOO in say(folder, text.replace("language", "x_language"))


def test_a_file_that_is_not_utf8_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "region.toml"
    assert call("check", tmp_path) == (
        f"{path}: filen finns inte\nGör så här: gör en: bredband init {tmp_path}\n"
    )
    path.write_bytes('[region]\nname = "Å"\nlanguage = "en"'.encode("cp1252"))
    assert call("check", tmp_path) == (
        f"{path}: the file is not UTF-8 (byte 17)\nWhat to do: save it as UTF-8\n"
    )
    assert call("check", tmp_path, "--lang", "sv") == (
        f"{path}: filen är inte UTF-8 (byte 17)\nGör så här: spara den som UTF-8\n"
    )


# --- no TOML ------------------------------------------------------------------------------------

TYPED = ("skriv text inom citattecken, tal med decimalpunkt och utan mellanslag, true (ja) och"
         " false (nej) med små bokstäver")  # fmt: skip
TWICE = "behåll en av dem; flera tabeller av samma slag skrivs [[…]]"
SLASH = "skriv / eller \\\\ i sökvägar, ett ensamt \\ har egen betydelse i TOML"
LINE = "rätta raden; text står inom citattecken, listor inom [ ]"


@pytest.mark.parametrize(
    ("text", "said", "fix"),
    [
        ("a = 1\nname = Norrbotten",
         "rad 2 är inte giltig TOML: värdet är varken text inom citattecken, tal, true, false eller"
         " lista: name = Norrbotten", TYPED),
        ("a = True", "false eller lista: a = True", TYPED),
        ("[d]\nx = 0,5\r\n", "rad 2 är inte giltig TOML: något står efter det som raden anger: x ="
         " 0,5", TYPED),
        ("x = 50 000", "något står efter det som raden anger: x = 50 000", TYPED),
        ("code = 025", "något står efter det som raden anger: code = 025", TYPED),
        ("d = 2024-02-31", "datumet finns inte: d = 2024-02-31", TYPED),
        ('p = "C:\\Users\\a"', "efter \\x, \\u eller \\U står inget teckennummer: p =", SLASH),
        ('p = "C:\\data"', "ett ensamt \\ i en text: p =", SLASH),
        ('p = "C:\\UFFFFFFFF"', "teckennumret efter \\ finns inte: p =", SLASH),
        ("[region]\n[region]", "rad 2 är inte giltig TOML: [region] står två gånger: [region]",
         TWICE),
        ("[s.roads]\n[s.roads]", "[s.roads] står två gånger", TWICE),
        ('a = 1\na = 2', "inställningen står två gånger: a = 2", TWICE),
        ("a = {b = 1, b = 2}", "'b' står två gånger", TWICE),
        ("a = {b = 1}\na.c = 2", "[a] är redan angivet på annat sätt: a.c = 2", TWICE),
        ("a = 1\na.b = 2", "inställningen står två gånger: a.b = 2", TWICE),
        ("a.b.c = 1\n[a.b]", "[a.b] står två gånger", TWICE),
        ("[a.b]\n[a]\nb.c = 1\n", "[a.b] är redan angivet på annat sätt", TWICE),
        ("name Norrbotten", "ett = saknas efter inställningens namn: name Norrbotten", LINE),
        ("[region\na = 1", "ett ] saknas efter avsnittets namn: [region", LINE),
        ("[[goals]\n", "]] saknas efter avsnittets namn: [[goals]", LINE),
        ("å = 1", "raden är varken inställning, avsnitt eller kommentar: å = 1", LINE),
        ("[å]", "namn saknas eller börjar med ett tecken som inte får stå där: [å]", LINE),
        ('a = "b\nc = 1', "tecknet '\\n' får inte stå där: a = \"b", LINE),
        ("a = 1 # \x01", "tecknet '\\x01' får inte stå där", LINE),
        ('a = "', "inte giltig TOML i slutet av filen:"
         " citattecknet efter texten saknas: a = \"", LINE),
        ("a = '", 'inte giltig TOML i slutet av filen: "\'" saknas: a = \'', LINE),
        ("a = [1", "inte giltig TOML i slutet av filen: listans ] saknas: a = [1", LINE),
        ("a = [1 2]", "listans ] saknas: a = [1 2]", LINE),
        ("a = {b = 1 c", "tabellens } saknas: a = {b = 1 c", LINE),
        ("a = ", "värdet är varken text inom citattecken", TYPED),
    ],
)  # fmt: skip
def test_what_is_no_toml(text: str, said: str, fix: str, folder: Path) -> None:
    found = say(folder, text)
    first, last = found.splitlines()
    assert said in first, found
    assert last == f"Gör så här: {fix}"
    assert not foreign(found, text + " data Users"), found
    english = say(folder, text, "--lang", "en")
    assert "not valid TOML" in english
    assert not swedish_in(english.replace(text, "")), english


def test_nothing_that_tomllib_says_is_left_in_english() -> None:
    """Its sentences are read out of it, so that a new one is seen."""
    module = __import__("tomllib._parser", fromlist=["x"])
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    said = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("suffixed_err", "TOMLDecodeError")
        ):
            last = node.args[-1] if ast.unparse(node.func) == "suffixed_err" else node.args[0]
            if isinstance(last, (ast.Constant, ast.JoinedStr)):
                said |= set(sentences(last))
    said = {one for one in said if "did you mean ö? (at" not in one}
    assert len(said) > 10
    known = phrases.phrases("sv")["word"]
    assert not [one for one in said if not any(word.fits.fullmatch(one) for word in known)]


# --- the price book -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("book", "said", "fix"),
    [
        (None, "prisbok.toml: prisboken finns inte",
         "rätta book under [prices], eller skriv filen"),
        ("a = Å", "prisbok.toml: inte giltig TOML: värdet är varken text inom citattecken, tal,"
         " true, false eller lista (på rad 1, kolumn 5)", "rätta filen"),
        ("a = [1", "prisbok.toml: inte giltig TOML: listans ] saknas (i slutet av filen)",
         "rätta filen"),
        ("[dukt]\nvalue = 1", "prisbok.toml: priset dukt finns inte; menade du duct?",
         "rätta namnet"),
        ("[zzz]\nvalue = 1", "prisbok.toml: priset zzz finns inte; det finns book, year, index,",
         "rätta namnet"),
        ('book = "b.toml"', "prisbok.toml: en prisbok får inte ange en annan prisbok (book)",
         "ta bort raden"),
        ("# \xe5", "prisbok.toml: filen är inte UTF-8 (byte 2)", "spara den som UTF-8"),
        ('duct = { value = 4, unit = "SEK/km", source = "" }',
         "region.toml med prisbok.toml: [prices] duct är i SEK/m, inte i SEK/km",
         "rätta region.toml eller prisbok.toml"),
        ('duct = { valu = 4, unit = "SEK/m", source = "" }',
         "prisbok.toml: 2 inställningar är fel:\n  [prices.duct.value] saknas: skriv value = …\n"
         "  [prices.duct.valu] är ingen inställning; kontrollera stavningen (menade du value?)",
         "rätta region.toml eller prisbok.toml"),
        ("duct = 4", "[prices.duct] ska vara en tabell med inställningar, som { value = 4, unit ="
         " …, source = … } (det står 4)", "rätta region.toml eller prisbok.toml"),
    ],
)  # fmt: skip
def test_a_price_book(book: str | None, said: str, fix: str, tmp_path: Path) -> None:
    path = tmp_path / "prisbok.toml"
    if book is not None:
        path.write_bytes(book.encode("cp1252" if "\xe5" in book else "utf-8"))
    for command in ("check", "run"):
        found = say(tmp_path, with_(prices={"book": path.name}), command=command)
        assert said in found, found
        assert found.endswith(f"\nGör så här: {fix}\n"), found
        assert not foreign(found, book or ""), found
    english = with_(prices={"book": path.name}, region={"language": "en"})
    for settings, words in ((english, ()), (with_(prices={"book": path.name}), ("--lang", "en"))):
        found = say(tmp_path, settings, *words)
        assert ENGLISH in found
        assert not swedish_in(found), found
    assert SWEDISH_TOO in say(tmp_path, english, "--lang", "sv")


def test_the_file_of_the_small_region_is_sound(folder: Path) -> None:
    (folder / "region.toml").write_text(tomlkit.dumps(small_region.content()), encoding="utf-8")
    assert Region.read(folder).region.year == 2024
    assert tomllib.loads(tomlkit.dumps(with_(region={"year": None})))["region"]["code"] == "25"
