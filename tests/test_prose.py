"""Every figure that the texts state is the rounding of one that a run or a source gives.

Read are the Markdown cells of the notebooks, the tables of README.md, and results/README.md. A
number in them is *checked* if it has a decimal point, a per cent sign, or a unit of time or size;
"six minutes" is one, too. It must be the rounding of a checked number of the same kind in

- the stored outputs of that notebook (elsewhere: of those that the row or the section names; a row of
  README's tables that names none: of any),
- results/NAME/results.csv, where the cell, the row or the section names results/NAME,
- notebooks/sources.csv: published figures and constants, a row a value, with their source.

Too strict is better than too lax: a test below counts how many wrong last digits would pass.
"""

import csv
import json
import re
from collections import namedtuple
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECORD = "application/vnd.aelib.record+json"  # the output that aelib.record leaves

# --- The checked numbers of a text

UNITS = {  # unit: what it measures, and how many per cent, seconds or bytes it is
    unit: (kind, scale)
    for kind, scale, units in [
        ("%", 1, "% percent"),
        ("time", 0.001, "ms"),
        ("time", 1, "s second seconds"),
        ("time", 60, "min minute minutes"),
        ("time", 3600, "h hour hours"),
        ("time", 86400, "day days"),
        ("size", 1, "byte bytes"),
        ("size", 1e3, "kB"),
        ("size", 1e6, "MB"),
        ("size", 1e9, "GB"),
    ]
    for unit in units.split()
}
UNIT = rf"(?:{'|'.join(UNITS)})(?!\w)"
WORDS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
NUMBER = re.compile(
    rf"\b(?i:{'|'.join(WORDS)})\b"
    r"|(?<![\w.])(?:(?<![\w)])[-−])?"  # no minus: the hyphens of 784-1000, and ranges
    r"(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?(?!\.?\d)"
)
JOIN = re.compile(r",? (?:and|or|to|against|±|/) |[–-]")  # in "97.5 and 97.8 %", "2–3 min"

# value and half (a unit of the last digit) in per cent, seconds or bytes; kind "" has no unit
Number = namedtuple("Number", "value half kind shown")


def numbers(text):
    """The checked numbers of a text, in its order."""
    text = re.sub(r"\s+", " ", text.replace("per cent", "%"))
    found, unit, comma, right = [], None, False, len(text)
    # From right to left, since a list shares the unit behind its last number.
    for match in reversed(list(NUMBER.finditer(text))):
        own = re.compile(rf"\s?(%)|\s({UNIT})").match(text, match.end())
        between = text[match.end() : right]
        if own:
            unit = own[1] or own[2]
        elif not (JOIN.fullmatch(between) or (comma and between == ", ")):
            unit = None
        # A comma joins to a list whose end is joined: "1, 2 and 3 s", but not "E = 4.1, 3 %".
        right, comma = match.start(), unit and not own
        # "43.64 and 42 %": a decimal need not share the per cent, and without it agrees with both.
        bare = "." in match[0] and not own and unit in (None, "%")
        if unit or bare:
            word = match[0].lower()
            plain = str(WORDS.index(word) + 2) if word in WORDS else word
            digits, _, power = plain.replace(",", "").replace("−", "-").partition("e")
            kind, scale = ("", 1) if bare else UNITS[unit]
            half = 0.5 * 10 ** (int(power or 0) - len(digits.partition(".")[2]))
            around = text[max(0, right - 50) : match.end() + 30].strip()
            shown = f"{match[0]}{'' if bare else ' ' + unit} in “{around}”"
            value = float(f"{digits}e{power or 0}")
            found.append(Number(value * scale, half * scale, kind, shown))
    return found[::-1]


def with_units(markdown):
    """The text, with the unit that heads a table's column or row behind its cells' numbers."""
    lines, header = [], None
    for line in markdown.splitlines():
        cells = line.split("|") if line.startswith("|") else []
        header = (header or cells) if cells else None
        for i in range(2, len(cells) if cells is not header else 0):
            heads = " ; ".join([*header[i : i + 1], cells[1]])
            named = re.search(rf"(?:[,(]|\bin) ?({UNIT})|\b(seconds|bytes|MB)\b", heads)
            if named and not any(n.kind for n in numbers(cells[i])):
                unit = named[1] or named[2]
                cells[i] = re.sub(r"^[^A-Za-df-z(]*\d", rf"\g<0> {unit}", cells[i])
        lines.append("|".join(cells) if cells else line)
    return "\n".join(lines)


def prose(markdown):
    """What is read of a Markdown text: no code blocks, references, addresses or versions."""
    for left_out in (
        r"^```.*?^```",
        r"^## References$.*?(?=^#|\Z)",
        r"(?<=\])\([^)\s]*\)",
        r"https?://\S+|arXiv:\S+",
        r"Python \d\.\d+(?:(?: to | and |, )\d\.\d+)*",
        r"\*\*",
    ):
        markdown = re.sub(left_out, "", markdown, flags=re.DOTALL | re.MULTILINE)
    return markdown


# --- The numbers that runs and sources give


def exact(name, value):
    """A value of a record or a table; a share in per cent, too."""
    if "seconds" in name:
        return [Number(value, 0, "time", name)]
    share = [Number(100 * value, 0, "%", name)] if re.search("knn|accuracy|share", name) else []
    return [Number(value, 0, "", name), *share]


def html_table(html):
    """The tables of an HTML text, as Markdown has them."""
    rows = re.findall(r"<tr.*?</tr>", html, re.DOTALL)
    cells = [re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL) for row in rows]
    return "\n".join("".join("|" + re.sub(r"<[^>]*>", "", c) for c in row) for row in cells)


def outputs(notebook):
    """The checked numbers in a notebook's stored outputs, and the seconds that its run took."""
    seconds = notebook["metadata"].get("aelib", {}).get("seconds")
    found = [] if seconds is None else exact("seconds", seconds)
    for output in (out for cell in notebook["cells"] for out in cell.get("outputs", [])):
        data = dict(output.get("data", {}))
        for name, value in data.pop(RECORD, {}).items():
            found += exact(name, value) if isinstance(value, float) else []
        data = {kind: "".join(text) for kind, text in data.items()}
        # One form of each output: a table's text/plain has lost which unit heads which column.
        forms = [
            data.get("text/markdown"),
            html_table(data.get("text/html", "")),
            data.get("text/plain"),
        ]
        alts = [image.get("alt", "") for image in output.get("metadata", {}).values()]
        for text in ["".join(output.get("text", "")), next(filter(None, forms), ""), *alts]:
            found += numbers(with_units(text))
    return found


def tables(root):
    """Folder, such as results/one_run -> the numbers with a decimal point in its results.csv."""
    found = {}
    for path in sorted(root.glob("results/*/results.csv")):
        of_folder = found[f"results/{path.parent.name}"] = []
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
            for name, cell in row.items():
                exactly = re.fullmatch(r"-?\d+\.\d+", cell or "")
                of_folder += exact(name, float(cell)) if exactly else []
    return found


def sources(root):
    with (root / "notebooks/sources.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- What states and what gives, brought together


def is_rounding(stated, given):
    """Whether a stated number is a rounding of a given one. "3.3 % below" may stand for -3.3%."""
    value = given.value if stated.value < 0 else abs(given.value)
    same = given.kind == stated.kind or (not stated.kind and given.kind == "%")
    half = stated.half * (1 + 1e-6)  # both ways at a tie, and floats are not exact
    return same and given.half <= half and abs(stated.value - value) <= half


def traced(stated, given):
    return any(is_rounding(stated, number) for number in given)


def texts(root):
    """For each text: where it stands, its checked numbers, and those that it may quote."""
    results = tables(root)
    published = [number for row in sources(root) for number in numbers(row["value"])]
    found, given = [], {}

    def named_in(text):
        notebooks = [n for n in given if n in text or f"notebook {n[:2]}" in text]
        # "results/one_run.time" does not name results/one_run.
        folders = [n for n in results if re.search(rf"{re.escape(n)}(?!\.?\w)", text)]
        return [given[name] for name in notebooks], [results[name] for name in folders]

    for path in sorted(root.glob("notebooks/*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        given[path.name] = outputs(notebook) + published
        for i, cell in enumerate(notebook["cells"]):
            if cell["cell_type"] == "markdown":
                text = "".join(cell["source"])
                pool = sum(named_in(text)[1], given[path.name])
                found.append((f"{path.name}, cell {i}", numbers(prose(with_units(text))), pool))
    text = with_units((root / "results/README.md").read_text(encoding="utf-8"))
    for section in re.split(r"^##? ", text, flags=re.MULTILINE):
        pool = sum(sum(named_in(section), []), [])
        title = section.partition("\n")[0]
        found.append((f"results/README.md, {title}", numbers(prose(section)), pool))
    lines = with_units((root / "README.md").read_text(encoding="utf-8")).splitlines()
    for i, line in enumerate(lines, 1):
        if line.startswith("|"):
            notebooks, folders = named_in(line)
            pool = sum((notebooks or [*given.values()]) + folders, [])
            found.append((f"README.md, line {i}", numbers(prose(line)), pool))
    return found


def untraced(root):
    """A line for each checked number that nothing gives: the text, the number, its surroundings."""
    return [
        f"{where}: {number.shown}"
        for where, stated, given in texts(root)
        for number in stated
        if not traced(number, given)
    ]


def test_every_number_of_the_texts_is_traced():
    if lost := untraced(ROOT):
        pytest.fail("no run and no source gives\n" + "\n".join(lost), pytrace=False)


def test_a_wrong_last_digit_is_noticed_nearly_always():
    noticed = [
        not traced(number._replace(value=number.value + 2 * sign * number.half), given)
        for _, stated, given in texts(ROOT)
        for number in stated
        if traced(number, given)
        for sign in (-1, 1)
    ]
    assert len(noticed) > 200
    assert sum(noticed) / len(noticed) > 0.8  # measured: 0.81


def test_every_source_is_quoted_and_says_where_it_comes_from():
    stated = [number for _, found, _ in texts(ROOT) for number in found]
    dead = []
    for row in sources(ROOT):
        (value,) = numbers(row["value"])
        assert row["what"], row
        assert row["source"], row
        assert "recalled" not in str(row), row
        if not any(is_rounding(number, value) for number in stated):
            dead.append(f"{row['value']}: {row['what']}")
    assert not dead, "no text quotes these rows of sources.csv"


# --- The helpers, on small made-up texts


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("E is 13.87, and **2.9** on 1,234.5 of them", [13.87, 2.9, 1234.5]),
        ("`sigmoid(-2) = 0.12` and .99 of 7.9e-05", [0.12, 0.99, 7.9e-05]),
        ("−3.3 and -1.4, but 2.5-3.5", [-3.3, -1.4, 2.5, 3.5]),
        ("97.5 %, 97.5%, 42 per cent, 5\npercent", [(97.5, "%"), (97.5, "%"), (42, "%"), (5, "%")]),
        ("97.5 and 97.8 %", [97.5, (97.8, "%")]),
        ("22 or 46 %", [(22, "%"), (46, "%")]),
        ("2 to 3 min", [(120, "time"), (180, "time")]),
        ("1, 2 and 3 s, 4–5 ms", [(n, "time") for n in (1, 2, 3, 0.004, 0.005)]),
        ("about six minutes; Two hours", [(360, "time"), (7200, "time")]),
        ("30 bytes, 7.8 MB", [(30, "size"), (7.8e6, "size")]),
        ("E = 38.21, 3.3 % below", [38.21, (3.3, "%")]),
        (
            "784-1000-500-30, 60,000 images, two cores, 2006, 1980s, 28×28, 30-D, v2.5, 2.20.1",
            [],
        ),
    ],
)
def test_checked_numbers_are_found(text, found):
    expected = [pair if isinstance(pair, tuple) else (pair, "") for pair in found]
    read = numbers(prose(text))
    assert [number.kind for number in read] == [kind for _, kind in expected]
    assert [number.value for number in read] == pytest.approx([value for value, _ in expected])


@pytest.mark.parametrize(
    "text",
    [
        "```sh\nrun --rate 0.1\n```",
        "[text](page_1.5.html) and ![picture](figures/2.5.png)",
        "see https://example.org/1.5 and arXiv:1603.07285 (2016)",
        "Python 3.11 to 3.13",
        "## References\n\n- Science 313.5",
    ],
)
def test_addresses_code_and_versions_are_left_out(text):
    assert numbers(prose(text)) == []


def test_text_after_the_references_is_read():
    assert len(numbers(prose("## References\n\n- 1.5\n\n## Next\n\n2.5"))) == 1


def test_cells_of_a_table_have_the_unit_of_their_column_or_row():
    head = "| | 2 epochs, s | accuracy, % |\n| --- | --- | --- |\n"
    table = head + "| PCA | 7 | 42 ± 0.1 |\n| dense, 30 | 3 ms | 96 (97 at best) |\n"
    found = [(number.value, number.kind) for number in numbers(with_units(table))]
    assert found == [(7, "time"), (42, "%"), (0.1, "%"), (0.003, "time"), (96, "%")]
    found = numbers(with_units("| | pixels | code |\n| storage: MB | 12.9 (zlib) | 7 |"))
    assert [(number.value, number.kind) for number in found] == [(12.9e6, "size"), (7e6, "size")]


def _one(text):
    (number,) = numbers(text)
    return number


@pytest.mark.parametrize(
    ("stated", "given", "verdict"),
    [
        ("13.9", "13.87", True),
        ("13.8", "13.87", False),
        ("13.90", "13.9", False),  # a digit that nobody gave
        ("2.4", "2.45", True),
        ("2.5", "2.45", True),
        ("0.00008", "7.9e-05", True),
        ("2.4 min", "142 s", True),
        ("2.3 min", "142 s", False),
        ("6 minutes", "352.7 s", True),
        ("7.8 MB", "7,801 kB", True),
        ("42 %", "42.4%", True),
        ("43 %", "42.4%", False),
        ("95.5", "95.5 %", True),  # "95.5 (convolutional) and 96.5 %"
        ("7 %", "7.04", False),
        ("7 s", "7.04", False),
        ("7.0", "7.04 s", False),
        ("7 s", "7 bytes", False),
        ("3.3 %", "-3.3%", True),
        ("−3.3 %", "-3.3%", True),
        ("−3.3 %", "3.3 %", False),
    ],
)
def test_a_stated_number_must_be_a_rounding(stated, given, verdict):
    assert is_rounding(_one(stated), _one(given)) is verdict


def _repository(folder, **changes):
    """A repository of two notebooks, in which every stated number is given."""
    texts = {
        "output": "E = 4.139 in 30 steps",
        "markdown": "| method | seconds |\n| --- | --- |\n| PCA | 7 |",
        "html": "<tr><th></th><th>fit, s</th></tr>\n\n<tr><th>0</th>\n<td class='n'>21</td></tr>",
        "alt": "mean error 2.94",
        "cell": "E is 4.14 and 2.9, after 7 and 21 s; 97.5 % and 12.35 in 4 min, at a rate of 0.001",
        "other": "from [a table](../results/pca/results.csv): E 39.5, 35 %, 8 s",
        "results": "## One\nA run of results/pca took 8.3 s.\n## Two\nIn notebook 01 E is 2.94.",
        "readme": "E = 1.23\n\n| E | from |\n| --- | --- |\n| 4.1 | notebook 01 |\n| 2.94 | all |\n"
        "| 39.5 | [table](results/pca/results.csv) |",
    } | changes
    data = [
        {"text/markdown": texts["markdown"], "text/plain": "9.9"},
        {"text/html": texts["html"]},
        {"image/png": "", RECORD: {"knn": 0.975, "E": 12.3456, "mse": 0.4321}},
    ]
    shown = [{"data": d, "metadata": {"image/png": {"alt": texts["alt"]}}} for d in data]
    code = {"cell_type": "code", "outputs": [{"text": [texts["output"]]}, *shown]}
    cells = [{"cell_type": "markdown", "source": [texts["cell"]]}, code]
    first = {"cells": cells, "metadata": {"aelib": {"seconds": 222.2}}}
    second = {"cells": [{"cell_type": "markdown", "source": texts["other"]}], "metadata": {}}
    files = {
        "notebooks/01_first.ipynb": json.dumps(first),
        "notebooks/02_second.ipynb": json.dumps(second),
        "notebooks/sources.csv": "value,what,source\n0.001,learning rate,the paper\n",
        "results/pca/results.csv": "E,knn,code_size,train_seconds\n39.501,0.3509,30,8.3\n",
        "results/README.md": texts["results"],
        "README.md": texts["readme"],
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_all_places_that_give_numbers_are_read(tmp_path):
    assert untraced(_repository(tmp_path)) == []


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ({"cell": "Here E is 4.16."}, "01_first.ipynb, cell 0: 4.16 in “Here E is 4.16.”"),
        ({"cell": "after 30 s"}, "cell 0: 30 s in"),  # the 30 of the output has no unit
        ({"cell": "43 % less"}, "cell 0: 43 % in"),  # the record's error is no share
        ({"cell": "E is 39.5"}, "cell 0: 39.5 in"),  # a table that this notebook does not name
        ({"output": "E = 4.2"}, "cell 0: 4.14 in"),
        ({"markdown": ""}, "cell 0: 7 s in"),
        ({"html": ""}, "cell 0: 21 s in"),
        ({"alt": ""}, "cell 0: 2.9 in"),
        ({"other": "E is 4.14"}, "02_second.ipynb, cell 0: 4.14 in"),  # another notebook's
        ({"other": "results/pca.long has E 39.5"}, "cell 0: 39.5 in"),  # another table
        ({"results": "# One\nresults/pca took 8.4 s."}, "results/README.md, One: 8.4 s in"),
        ({"results": "# One\nresults/pca\n## Two\n8.3 s."}, "results/README.md, Two: 8.3 s in"),
        ({"readme": "| 39.5 | all |"}, "README.md, line 1: 39.5 in"),
        ({"readme": "| 4.2 | notebook 01 |"}, "README.md, line 1: 4.2 in"),
        ({"readme": "| 4.1 | [02](notebooks/02_second.ipynb) |"}, "README.md, line 1: 4.1 in"),
    ],
)
def test_a_wrong_number_is_named(tmp_path, change, lost):
    assert any(lost in line for line in untraced(_repository(tmp_path, **change)))
