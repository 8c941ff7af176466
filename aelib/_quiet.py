"""Import Keras without the notices that TensorFlow's C++ code prints on a machine with no GPU."""

import logging
import os
import sys
from contextlib import contextmanager

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

__all__ = ["keras"]
