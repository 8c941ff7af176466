"""Values as plain data, on their way between a submission and the tests.

A message is JSON and the bytes of arrays. Nothing is unpickled and no class of the sender's is looked
up: whatever he writes, what arrives is numbers, texts, arrays, lists of them, or a network made of
Keras's own layers. Both sides use this module; only `receive` and `decode` need to be trusted.
"""

import json
import math
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

LARGEST = 200_000_000  # bytes of a message
KINDS = "biufcU"  # of NumPy: truth values, whole numbers, fractions, complex ones, texts
LAYERS = {
    *("Sequential", "Functional", "InputLayer", "Dense", "Flatten", "Reshape", "Activation"),
    *("Conv2D", "Conv2DTranspose", "MaxPooling2D", "AveragePooling2D", "UpSampling2D"),
    *("GlobalAveragePooling2D", "GlobalMaxPooling2D", "Cropping2D", "ZeroPadding2D"),
    *("ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Dropout", "GaussianNoise"),
    *("BatchNormalization", "LayerNormalization", "Rescaling", "Add", "Concatenate"),
    *("DTypePolicy", "__keras_tensor__", "__tuple__"),
}
MODULES = {
    *(None, "keras", "keras.layers", "keras.models"),
    *("keras.src.models.functional", "keras.src.models.sequential"),
}
KEPT = {"keras.initializers", "keras.regularizers", "keras.constraints", "keras.activations"}


class RefusedError(ValueError):
    """What came is no plain data."""


def send(file: BinaryIO, message: Any) -> None:
    """Write a message, as `encode` made it or a dictionary of such."""
    blobs: list[bytes] = []
    head = json.dumps(_take_bytes(message, blobs)).encode()
    file.write(struct.pack("!QQ", len(head), sum(map(len, blobs))))
    file.write(head)
    for blob in blobs:
        file.write(blob)
    file.flush()


def receive(file: BinaryIO) -> Any:
    """Read a message.

    Raises:
        EOFError: the other side has ended.
        RefusedError: it is too large, or no message.
    """
    head_size, size = struct.unpack("!QQ", _read(file, 16))
    if head_size + size > LARGEST:
        raise RefusedError(f"a message of {(head_size + size) / 1e6:.0f} MB")
    head, rest = _read(file, head_size), memoryview(_read(file, size))
    try:
        return _give_bytes(json.loads(head), rest)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise RefusedError(f"no message: {type(error).__name__}") from None


def encode(value: Any, function: Callable[[Any], Any] | None = None) -> Any:
    """A value as lists with a word in front that says what it is.

    Args:
        value: anything; what is not plain becomes ["other", the name of its type].
        function: makes of a callable what stands for it.
    """
    kind = type(value)
    if value is None or kind in (bool, str):
        return ["value", value]
    if kind is int:
        return ["int", str(value)]
    if kind is float:
        return ["float", value.hex()]
    if kind in (list, tuple, set, frozenset):
        return [kind.__name__, [encode(entry, function) for entry in value]]
    if kind is dict:
        return ["dict", [[encode(k, function), encode(v, function)] for k, v in value.items()]]
    if kind in (range, map, filter, zip, reversed) or hasattr(value, "__next__"):
        return ["list", [encode(entry, function) for entry in value]]
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind not in KINDS:
            return ["other", f"array of {array.dtype}"]
        word = "array" if isinstance(value, np.ndarray) else "scalar"
        return [word, array.dtype.str, [*array.shape], np.ascontiguousarray(array).tobytes()]
    return _encode_keras(value) or (
        function(value) if function and callable(value) else ["other", kind.__name__]
    )


def decode(message: Any, function: Callable[[Any], Any] | None = None) -> Any:
    """The value that `encode` was given.

    Raises:
        RefusedError: it was none of those that `encode` writes, or a network with layers other than Keras's
            usual ones.
    """
    try:
        return _decode(message, function)
    except RefusedError:
        raise
    except Exception as error:
        raise RefusedError(f"no plain data: {type(error).__name__}: {error}"[:200]) from None


def _decode(message, function):
    word, *rest = message
    if word == "value" and (rest[0] is None or type(rest[0]) in (bool, str)):
        return rest[0]
    if word == "int":
        return int(rest[0])
    if word == "float":
        return float.fromhex(rest[0])
    if word in ("list", "tuple", "set", "frozenset"):
        kind = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[word]
        return kind(_decode(entry, function) for entry in rest[0])
    if word == "dict":
        return {_decode(k, function): _decode(v, function) for k, v in rest[0]}
    if word in ("array", "scalar"):
        dtype, shape, data = np.dtype(rest[0]), rest[1], rest[2]
        if dtype.kind not in KINDS or math.prod(shape) * dtype.itemsize != len(data):
            raise RefusedError("an array that is none")
        array = np.frombuffer(data, dtype).reshape(shape).copy()
        return array if word == "array" else array[()]
    if word == "model":
        return _decode_model(*rest)
    if word == "autoencoder":
        from aelib.models import join

        ae = join(_decode_model(*rest[0]), _decode_model(*rest[1]))
        _set_steps(ae.model, rest[2])
        return ae
    if word == "function" and function:
        return function(rest[0])
    if word == "other":
        return Unusable(str(rest[0])[:50])
    raise RefusedError(f"a {word!r}"[:50])


class Unusable:
    """Stands for a value that is no plain data: whoever uses it is told so."""

    def __init__(self, kind: str):
        self.__dict__["kind"] = kind

    def _tell(self, *_, **__):
        raise TypeError(
            f"a value of type {self.__dict__['kind']}: give numbers, texts, arrays, lists of them, "
            "functions, or networks of Keras's layers"
        )

    __getattr__ = __call__ = __getitem__ = __iter__ = __len__ = __bool__ = _tell
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _tell
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _tell
    __float__ = __int__ = __index__ = __array__ = __format__ = _tell
    __hash__ = None


def _encode_keras(value):
    """A network, a pair of them, or a tensor; None for anything else, or where Keras is not loaded."""
    if "keras" not in sys.modules:
        return None
    from aelib import Autoencoder, keras

    if isinstance(value, Autoencoder):
        parts = [_encode_model(part)[1:] for part in (value.encoder, value.decoder)]
        return ["autoencoder", *parts, _steps(value.model)]
    if isinstance(value, keras.Model):
        return _encode_model(value)
    if keras.ops.is_tensor(value) or isinstance(value, keras.Variable):
        return encode(keras.ops.convert_to_numpy(value))
    return None


def _encode_model(model):
    return ["model", model.to_json(), [encode(w) for w in model.get_weights()], _steps(model)]


def _decode_model(text, weights, steps):
    from aelib import keras

    _check_layers(json.loads(text))
    model = keras.models.model_from_json(text)
    model.set_weights([_decode(w, None) for w in weights])
    _set_steps(model, steps)
    return model


def _check_layers(config):
    """Refuse a network's description that names any class but those of LAYERS and KEPT.

    Keras would import the module that a description names.
    """
    if isinstance(config, dict):
        name, module = config.get("class_name"), config.get("module")
        registered = config.get("registered_name")
        if name is not None or module is not None or registered is not None:
            usual = module in MODULES and name in LAYERS and registered in (None, name)
            if not usual and (module not in KEPT or registered is not None):
                raise RefusedError(f"a network with {str(module)[:40]}.{str(name)[:40]} in it")
    for entry in config.values() if isinstance(config, dict) else config:
        if isinstance(entry, dict | list):
            _check_layers(entry)


def _steps(model):
    """Steps that a network was trained for by its last optimizer; None where it has none."""
    optimizer = getattr(model, "optimizer", None)
    return None if optimizer is None else int(optimizer.iterations)


def _set_steps(model, steps):
    if steps is not None:
        model.compile("sgd", "mse")
        model.optimizer.iterations.assign(int(steps))


def _read(file, size):
    data = file.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _take_bytes(message, blobs):
    """The message with bytes moved into `blobs`."""
    if isinstance(message, bytes):
        blobs.append(message)
        start = sum(map(len, blobs[:-1]))
        return {"bytes": [start, len(message)]}
    if isinstance(message, dict):
        return {name: _take_bytes(entry, blobs) for name, entry in message.items()}
    if isinstance(message, list | tuple):
        return [_take_bytes(entry, blobs) for entry in message]
    return message


def _give_bytes(message, rest):
    if isinstance(message, dict):
        if message.keys() == {"bytes"}:
            start, size = message["bytes"]
            if not 0 <= start <= start + size <= len(rest):
                raise ValueError
            return bytes(rest[start : start + size])
        return {name: _give_bytes(entry, rest) for name, entry in message.items()}
    return [_give_bytes(entry, rest) for entry in message] if isinstance(message, list) else message
