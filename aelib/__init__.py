"""Helpers for the autoencoder tutorials. Submodules load when first used: TensorFlow is slow."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "Autoencoder": "models",
    "Dataset": "data",
    "DatasetUnavailable": "data",
    "check_counts": "checks",
    "check_rate": "checks",
    "conv_autoencoder": "models",
    "decode": "models",
    "dense_autoencoder": "models",
    "draw_curves": "curves",
    "encode": "models",
    "fit_pca": "pca",
    "image_errors": "metrics",
    "keras": "_quiet",
    "knn_accuracy": "metrics",
    "load_dataset": "data",
    "multiply_adds": "costs",
    "pca_errors": "pca",
    "principal_angles": "metrics",
    "reconstruct": "models",
    "reconstruction_error": "models",
    "record": "notebook",
    "report_claims": "notebook",
    "squared_error": "metrics",
    "table": "notebook",
    "train": "training",
    "validation_split": "data",
}
_SUBMODULES = [
    *(
        "checks",
        "costs",
        "curves",
        "data",
        "explorer",
        "metrics",
        "models",
        "notebook",
        "pca",
        "plots",
    ),
    *("pretraining", "provenance", "sweep", "threads", "training"),
]
__all__ = [*_HOME, *_SUBMODULES]

if TYPE_CHECKING:  # for editors and type checkers, which cannot follow __getattr__
    from aelib import (
        checks,
        costs,
        curves,
        data,
        explorer,
        metrics,
        models,
        notebook,
        pca,
        plots,
        pretraining,
        provenance,
        sweep,
        threads,
        training,
    )
    from aelib._quiet import keras
    from aelib.checks import check_counts, check_rate
    from aelib.costs import multiply_adds
    from aelib.curves import draw_curves
    from aelib.data import Dataset, DatasetUnavailable, load_dataset, validation_split
    from aelib.metrics import image_errors, knn_accuracy, principal_angles, squared_error
    from aelib.models import (
        Autoencoder,
        conv_autoencoder,
        decode,
        dense_autoencoder,
        encode,
        reconstruct,
        reconstruction_error,
    )
    from aelib.notebook import record, report_claims, table
    from aelib.pca import fit_pca, pca_errors
    from aelib.training import train


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"aelib.{name}")
    if name in _HOME:
        return getattr(import_module(f"aelib.{_HOME[name]}"), name)
    raise AttributeError(f"module 'aelib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
