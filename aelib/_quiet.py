"""Keras without the notices that TensorFlow's C++ code prints, and bars only where somebody looks."""

import logging
import os
import sys
from contextlib import contextmanager

from IPython import get_ipython

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Off by default on CPUs without AVX-512, where it made convolutions up to twice as fast all the same.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


@contextmanager
def _stderr_closed():
    # Some notices come before TensorFlow reads its log level, so only the descriptor stops them.
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


with _stderr_closed():
    import keras

    keras.ops.zeros(1)

# TensorFlow warns of retracing whenever several models predict in one program. Its import resets this.
logging.getLogger("tensorflow").setLevel(logging.ERROR)


def watched() -> bool:
    """Whether somebody may be watching: a terminal, or a notebook that is open in Jupyter.

    papermill, nbclient and nbval run notebooks that nobody watches. There a progress bar would
    stay behind as a blank view. They are told by this: nobody could answer a question of `input`.
    """
    return getattr(getattr(get_ipython(), "kernel", None), "_allow_stdin", True)


__all__ = ["keras", "watched"]
