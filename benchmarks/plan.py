"""What is run against what: the two tables below, and the order of the runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from aelib.checks import check_count
from benchmarks import recipes


class Peer(NamedTuple):
    """Somebody else's recipe."""

    title: str
    recipe: Callable[..., recipes.Result]
    data: str
    code_size: int
    held_out: int = 0  # images at the end of the training set that nobody trains on
    as_long_as_ours: bool = False  # it has no length of its own that fits a CPU


class Ours(NamedTuple):
    """aelib's builder and `aelib.train`, on the data of the peers it faces."""

    peers: Sequence[str]  # all with the same data, code size and held-out images
    model: str  # "dense" or "conv"
    settings: Mapping[str, Any]  # of the builder
    epochs: Sequence[int]  # each is a complete run, with a schedule of its own
    training: Mapping[str, Any] = {}  # of `aelib.train`, where its defaults are not kept


PEERS = {
    "keras-dense": Peer("Keras blog, deep", recipes.keras_blog_dense, "mnist", 32),
    "keras-conv": Peer("Keras blog, convolutional", recipes.keras_blog_conv, "mnist", 128),
    "geron": Peer("Géron, chapter 17", recipes.geron, "fashion_mnist", 30, held_out=5000),
    "tensorflow": Peer("TensorFlow tutorial", recipes.tensorflow_tutorial, "fashion_mnist", 64),
    "pytorch": Peer("plain PyTorch", recipes.pytorch, "mnist", 30),
    "mlp": Peer("scikit-learn MLPRegressor", recipes.sklearn_mlp, "mnist", 30),
    "pca": Peer("scikit-learn PCA", recipes.sklearn_pca, "mnist", 30),
    "uva": Peer("UvA course", recipes.uva_course, "cifar10", 64, 5000, as_long_as_ours=True),
}
CONV = {"base_filters": 16, "decoder": "sandwich", "hidden_units": [500]}
# The first budgets are short, to meet the peer's error early; the last lasts about as long as the peer,
# but for the one that lasts as long as ours.
OURS = {
    "dense-32": Ours(["keras-dense"], "dense", {}, (1, 2, 24)),
    "conv-128": Ours(["keras-conv"], "conv", {**CONV, "base_filters": 8}, (1, 2, 8)),
    "fashion-30": Ours(["geron"], "dense", {"hidden_units": [500]}, (1, 2, 4, 16)),
    "fashion-64": Ours(
        ["tensorflow"], "dense", {"hidden_units": [400]}, (1, 2, 5), {"batch_size": 128}
    ),
    "dense-30": Ours(["pytorch", "mlp", "pca"], "dense", {}, (1, 2, 8, 24)),
    "conv-30": Ours(["pytorch"], "conv", CONV, (1, 2, 9)),
    "cifar-64": Ours(["uva"], "conv", CONV, (1, 2, 4)),
    "cifar-64-dense": Ours(["uva"], "dense", {"hidden_units": []}, (1, 3), {"batch_size": 32}),
}


class Run(NamedTuple):
    """One training: a peer's, or ours over so many epochs."""

    round: int
    name: str
    epochs: int = 0  # 0 for a peer, which has its own


def order(rounds: int, only: Sequence[str] = ()) -> list[Run]:
    """All runs: in each round the peers and ours in turn.

    Ours follows the peers that it faces, except one that lasts as long as ours did: it ends the round.

    >>> [run.name for run in order(1, ["tensorflow"])]
    ['tensorflow', 'fashion-64', 'fashion-64', 'fashion-64']

    Args:
        rounds: how often everything is run.
        only: names of peers; none for all.

    Raises:
        ValueError: no peer of that name, or no rounds.
    """
    check_count(rounds, "rounds")
    unknown = [name for name in only if name not in PEERS]
    if unknown:
        raise ValueError(f"no recipe {unknown[0]!r}: choose from {', '.join(PEERS)}")
    runs = []
    for number in range(1, rounds + 1):
        last = []
        for name, ours in OURS.items():
            peers = [p for p in ours.peers if not only or p in only]
            if peers:
                own = [Run(number, name, epochs) for epochs in ours.epochs]
                runs += [Run(number, p) for p in peers if not PEERS[p].as_long_as_ours] + own
                last += [Run(number, p) for p in peers if PEERS[p].as_long_as_ours]
        runs += last
    return [*dict.fromkeys(runs)]  # a peer that two of ours face runs once a round
