"""The figures to touch, and in a real browser what a reader does with them."""

import contextlib
import io
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from IPython.core.interactiveshell import InteractiveShell
from playwright.sync_api import expect

import aelib
from aelib import explorer


@pytest.fixture(scope="module")
def models(tiny):
    ae = aelib.dense_autoencoder((8, 6, 1), [16], 2)
    aelib.train(ae, tiny, epochs=40, batch_size=20, learning_rate=1e-2, shift=0, verbose=False)
    return {"PCA": aelib.fit_pca(tiny.x_train, 2), "dense": ae}


def _html(figure):
    return figure._repr_mimebundle_()[0]["text/html"]


def test_a_figure_is_a_page_a_picture_and_a_text(models, tiny):
    for make in (explorer.explore, explorer.draw):
        bundle, metadata = make(models, tiny)._repr_mimebundle_()
        assert metadata["image/png"]["alt"] == bundle["text/plain"]
        assert bundle.keys() == {"text/html", "image/png", "text/plain"}
        assert bundle == make(models, tiny)._repr_mimebundle_()[0]
        assert re.fullmatch("<img [^>]*><iframe [^>]*></iframe>", bundle["text/html"])
        assert "://" not in bundle["text/html"]
        assert "PCA" in bundle["text/plain"]
        picture = make(models, tiny).picture
        assert np.ptp(plt.imread(io.BytesIO(picture))[..., :3]) > 0.5
    assert not plt.get_fignums()


def test_a_notebook_gets_these_three_and_no_more(models, tiny):
    figure = explorer.explore(models, tiny)
    data, metadata = InteractiveShell.instance().display_formatter.format(figure)
    assert (data, metadata) == figure._repr_mimebundle_()


@pytest.fixture
def digits(monkeypatch):
    """The sample of MNIST."""
    monkeypatch.setenv("AELIB_OFFLINE", "1")
    monkeypatch.delenv("AELIB_DATA_DIR", raising=False)
    with pytest.warns(UserWarning, match="5,000 MNIST images"):
        return aelib.load_dataset("mnist")


def test_a_decoder_for_digits_fits_on_a_page(digits):
    data = digits._replace(x_train=digits.x_train[:1000], y_train=digits.y_train[:1000])
    ae = aelib.dense_autoencoder((28, 28, 1), [256, 128], 2)
    aelib.train(
        ae, data, epochs=6, verbose=False
    )  # before, it draws noise, which no PNG makes small
    plane = {"PCA": aelib.fit_pca(data.x_train, 2), "dense": ae}
    assert len(_html(explorer.explore(plane, data))) < 450_000
    bars = {
        "dense": aelib.dense_autoencoder((28, 28, 1), [256, 128], 30),
        "PCA": aelib.fit_pca(data.x_train, 30),
    }
    assert len(_html(explorer.draw(bars, data))) < 900_000


@pytest.mark.parametrize(
    ("make", "wrong", "message"),
    [
        (explorer.explore, {}, "models must be a dictionary with an entry or more, not {}"),
        (
            explorer.explore,
            {"A": 5},
            "ae must be an Autoencoder, as dense_autoencoder gives it, not int",
        ),
        (
            explorer.draw,
            {"A": 5},
            "ae must be an Autoencoder, as dense_autoencoder gives it, not int",
        ),
    ],
)
def test_what_are_no_models_is_refused(make, wrong, message, tiny, refused):
    with refused(message):
        make(wrong, tiny)


def test_models_that_the_page_cannot_compute_are_refused(models, tiny, refused):
    three = aelib.dense_autoencoder((8, 6, 1), [], 3)
    with refused("'three' has a code of 3 numbers: a plane needs 2"):
        explorer.explore({**models, "three": three}, tiny)
    conv = aelib.conv_autoencoder((8, 6, 1), 1, 2, base_filters=2)
    with refused("the decoder of 'conv' has a layer Conv2DTranspose with activation silu"):
        explorer.explore({**models, "conv": conv}, tiny)
    elu = aelib.dense_autoencoder((8, 6, 1), [4], 2, activation="elu")
    with refused("the encoder of 'elu' has a layer Dense with activation elu: the page can only"):
        explorer.draw({"elu": elu}, tiny)
    with refused("the autoencoder takes images of shape"):
        explorer.explore({"A": aelib.dense_autoencoder((6, 8, 1), [], 2)}, tiny)
    with refused("images must be an integer of 1 or more, not 0"):
        explorer.explore(models, tiny, images=0)


@pytest.fixture
def touch(page, tmp_path):
    """Opens a figure in a page that has a theme, and returns its frame. What goes wrong is collected."""
    faults = []
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda r: (
            faults.append(r.url) if not r.url.startswith(("file:", "data:", "about:")) else None
        ),
    )

    def open_figure(figure):
        path = tmp_path / "page.html"
        body = _html(figure)
        # As JupyterLab has it, where a picture is shown although it is hidden.
        style = "<style>.jp-RenderedHTMLCommon > img { display: block }</style>"
        path.write_text(
            f'<!doctype html><html lang="en" data-theme="light"><title>A page</title>{style}'
            f'<body><div class="jp-RenderedHTMLCommon">{body}</div></body></html>'
        )
        page.goto(path.as_uri())
        frame = page.frames[-1]
        frame.wait_for_function("document.documentElement.dataset.theme")
        return frame

    yield open_figure
    assert not faults


def _image(frame, number):
    """The pixels of one of the small images, as an array (height, width, 4)."""
    canvas = "document.querySelectorAll('canvas.image')[n]"
    found = frame.evaluate(
        f"n => {{ const c = {canvas}; const d = c.getContext('2d').getImageData(0, 0, c.width, c.height);"
        " return [c.height, c.width, ...d.data]; }",
        number,
    )
    return np.reshape(found[2:], (found[0], found[1], 4))


@pytest.mark.browser
def test_the_page_decodes_what_keras_decodes(models, tiny, touch):
    frame = touch(explorer.explore(models, tiny))
    codes = aelib.encode(models["dense"], tiny.x_train[:100])
    found = frame.evaluate(
        "codes => { const decode = network(page.methods[1].decoder);"
        " return codes.map((code) => [...decode(Float32Array.from(code))]); }",
        codes.tolist(),
    )
    wanted = aelib.decode(models["dense"], codes).reshape(100, -1)
    assert np.abs(np.array(found) - wanted).mean() < 2 / 255


def _comes(page, condition):
    """Whether it comes true within ten seconds, however busy the machine is."""
    for _ in range(100):
        if condition():
            return True
        page.wait_for_timeout(100)
    return False


@pytest.mark.browser
def test_pointer_and_keys_walk_in_the_plane(models, tiny, touch, page):
    frame = touch(explorer.explore(models, tiny))
    maps = frame.locator("canvas.map")
    assert maps.count() == 2
    before = _image(frame, 2)
    maps.nth(1).hover(position={"x": 30, "y": 30})
    moved = _image(frame, 2)
    assert np.abs(moved - before).max() > 20
    expect(frame.locator(".live")).to_contain_text("dense: point")
    maps.nth(1).focus()
    for _ in range(10):
        page.keyboard.press("Shift+ArrowRight")
    assert np.abs(_image(frame, 2) - moved).max() > 20
    page.keyboard.press("Enter")
    for _ in range(10):
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    assert frame.locator("canvas.strip").nth(1).is_visible()
    tall = page.locator("iframe").bounding_box()["height"]
    end = _image(frame, 2)
    frame.get_by_role("button", name="Play the walk").nth(1).click()
    assert _comes(page, lambda: np.abs(_image(frame, 2) - end).max() > 20)
    maps.nth(1).focus()
    page.keyboard.press("Escape")
    assert not frame.locator("canvas.strip").nth(1).is_visible()
    assert _comes(page, lambda: page.locator("iframe").bounding_box()["height"] < tall - 10)


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_figures_are_accessible(theme, models, tiny, touch, page):
    for make in (explorer.explore, explorer.draw):
        frame = touch(make(models, tiny))
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        frame.wait_for_function("t => document.documentElement.dataset.theme === t", arg=theme)
        rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
        found = Axe().run(frame, options=rules)
        assert not found.response["violations"], found.generate_report()


@pytest.mark.browser
def test_a_page_of_its_own_works_too(models, tiny, page, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(explorer.explore(models, tiny).page)
    page.goto(path.as_uri())
    page.locator("canvas.map").nth(1).hover(position={"x": 30, "y": 30})
    expect(page.locator(".live")).to_contain_text("dense: point")


@pytest.mark.browser
def test_a_finger_walks_too_and_a_phone_does_not_scroll_sideways(models, tiny, browser, tmp_path):
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    path = tmp_path / "page.html"
    body = _html(explorer.explore(models, tiny))
    path.write_text(
        f'<!doctype html><html lang="en"><title>A page</title><body>{body}</body></html>'
    )
    page.goto(path.as_uri())
    frame = page.frames[-1]
    frame.wait_for_function("document.documentElement.dataset.theme")
    before = _image(frame, 0)
    frame.locator("canvas.map").nth(0).tap(position={"x": 30, "y": 200})
    assert np.abs(_image(frame, 0) - before).max() > 20
    assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


@pytest.mark.browser
def test_it_follows_the_theme_around_it(models, tiny, touch, page):
    frame = touch(explorer.explore(models, tiny))
    paper = "getComputedStyle(document.body).backgroundColor"
    light = frame.evaluate(paper)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    frame.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert frame.evaluate(paper) != light
    assert not page.locator("img").is_visible()


@pytest.mark.browser
def test_without_scripts_the_picture_stays(models, tiny, browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(_html(explorer.explore(models, tiny)))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("img").is_visible()
    assert not page.locator("iframe").is_visible()
    context.close()


@pytest.mark.browser
def test_a_drawing_has_a_code_that_the_bars_change(models, tiny, touch, page):
    frame = touch(explorer.draw({"dense": models["dense"], "PCA": models["PCA"]}, tiny))
    assert frame.locator("input[type=range]").count() == 2
    frame.get_by_role("button", name="Clear").click()
    box = frame.locator("canvas.sheet").bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.6 * box["height"], steps=5)
    page.mouse.up()
    before = _image(frame, 0)[..., 0]
    page.wait_for_timeout(1700)  # then it moves to the middle
    drawn = _image(frame, 0)
    assert drawn[..., 0].sum() == before.sum()
    assert drawn[..., 0].max() > 200
    rows, columns = (
        np.average(np.arange(n), weights=drawn[..., 0].sum(axis=1 - axis))
        for axis, n in enumerate((8, 6))
    )
    assert abs(rows - 3.5) < 0.6
    assert abs(columns - 2.5) < 0.6
    # What stands under the pictures is E of what is shown.
    x = drawn[..., :1] / 255
    for number, name in ((1, "dense"), (2, "PCA")):
        wanted = aelib.squared_error(
            x[None], aelib.reconstruct(models[name], x[None].astype("float32"))
        )
        text = frame.locator("figcaption").nth(number).inner_text()
        assert abs(float(text.split("=")[1]) - wanted) < 0.15
    before = _image(frame, 1)
    frame.locator("input[type=range]").nth(0).focus()
    for _ in range(60):
        page.keyboard.press("ArrowRight")
    assert np.abs(_image(frame, 1) - before).max() > 10
    assert (_image(frame, 0) == drawn).all()
    frame.get_by_role("button", name="Undo the bars").click()
    assert (_image(frame, 1) == before).all()
    frame.locator("canvas.sheet").focus()
    page.keyboard.press("Delete")
    page.keyboard.press("Space")
    assert _image(frame, 0)[..., 0].max() > 200


@pytest.mark.browser
@pytest.mark.slow
def test_a_drawn_seven_comes_back_nearer_than_from_pca(touch, page, digits):
    data = digits
    ae = aelib.dense_autoencoder((28, 28, 1), [256, 128], 30)
    aelib.train(ae, data, epochs=20, verbose=False)
    frame = touch(explorer.draw({"dense": ae, "PCA": aelib.fit_pca(data.x_train, 30)}, data))
    frame.get_by_role("button", name="Clear").click()
    box = frame.locator("canvas.sheet").bounding_box()
    places = [(0.3, 0.25), (0.68, 0.25), (0.45, 0.78)]
    for number, (x, y) in enumerate(places):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=12)
        if number == 0:
            page.mouse.down()
    page.mouse.up()
    dense, pca = (
        float(frame.locator("figcaption").nth(n).inner_text().split("=")[1]) for n in (1, 2)
    )
    assert dense < pca
    x = _image(frame, 1)[..., :1] / 255
    nearest = np.argmin(((data.x_train - x) ** 2).sum(axis=(1, 2, 3)))
    assert data.y_train[nearest] == 7


@pytest.fixture
def lab(tmp_path):
    """JupyterLab on a folder of its own; gives the folder, the address and the environment."""
    folder = tmp_path / "work"
    folder.mkdir()
    places = {f"JUPYTER_{k}_DIR": str(tmp_path / k) for k in ("CONFIG", "DATA", "RUNTIME")}
    environment = {**os.environ, **places}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "ServerApp.root_dir": folder,
        "ServerApp.port": port,
        "ServerApp.allow_root": True,
        "IdentityProvider.token": "",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser"]
    command += [f"--{name}={value}" for name, value in settings.items()]
    server = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(120):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{address}/api").close()
            break
        time.sleep(0.5)
    yield folder, address, environment
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(20)
    server.kill()
    server.wait()


@pytest.mark.browser
@pytest.mark.slow
def test_it_runs_in_a_trusted_notebook_in_jupyterlab(models, tiny, lab, page):
    folder, address, environment = lab
    data, metadata = explorer.explore(models, tiny)._repr_mimebundle_()
    output = nbformat.v4.new_output("execute_result", data, metadata=metadata, execution_count=1)
    cell = nbformat.v4.new_code_cell("figure", execution_count=1, outputs=[output])
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(notebook, folder / "figure.ipynb")
    command = [sys.executable, "-m", "jupyter", "trust", str(folder / "figure.ipynb")]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    page.goto(f"{address}/lab/tree/figure.ipynb")
    element = page.wait_for_selector("iframe[srcdoc]", timeout=60_000)
    frame = element.content_frame()
    frame.wait_for_function("document.documentElement.dataset.theme === 'light'")
    before = _image(frame, 2)
    frame.locator("canvas.map").nth(1).hover(position={"x": 30, "y": 30})
    assert np.abs(_image(frame, 2) - before).max() > 20
