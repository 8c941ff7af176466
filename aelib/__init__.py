"""Helpers for the autoencoder tutorials. Submodules load when first used: TensorFlow is slow."""

from importlib import import_module

_HOME = {
    "Autoencoder": "models",
    "Dataset": "data",
    "DatasetUnavailable": "data",
    "check_counts": "data",
    "conv_autoencoder": "models",
    "dense_autoencoder": "models",
    "draw_curves": "data",
    "encode": "metrics",
    "fit_pca": "pca",
    "image_errors": "metrics",
    "knn_accuracy": "metrics",
    "load_dataset": "data",
    "principal_angles": "metrics",
    "reconstruct": "metrics",
    "record": "sweep",
    "report_claims": "metrics",
    "squared_error": "metrics",
    "train": "training",
}
_SUBMODULES = ["data", "metrics", "models", "pca", "plots", "pretraining", "sweep", "training"]
__all__ = [*_HOME, *_SUBMODULES]


def __getattr__(name):
    if name in _SUBMODULES:
        return import_module(f"aelib.{name}")
    if name in _HOME:
        return getattr(import_module(f"aelib.{_HOME[name]}"), name)
    raise AttributeError(f"module 'aelib' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
