"""Train LeNet-5 with Keras's `fit`, as tutorials do, one run after another.

    python keras_fit.py DIGITS.npz EPOCHS SEED…

Prints, as JSON, how many seconds the training took. Imports and reading the data do not count.
"""

import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # hides TensorFlow's messages about GPUs

import keras
import numpy as np
from keras import layers


def network() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            layers.Conv2D(6, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def prepare(images: np.ndarray) -> np.ndarray:
    """Add a border of two pixels to raw images (n, 28, 28) and scale them to 0…1; return float32 (n, 32, 32, 1)."""
    return np.pad(images, ((0, 0), (2, 2), (2, 2)))[..., np.newaxis].astype("float32") / 255


splits = np.load(sys.argv[1])
train, validation = prepare(splits["train_images"]), prepare(splits["validation_images"])
started = time.perf_counter()
for seed in map(int, sys.argv[3:]):
    keras.utils.set_random_seed(seed)
    model = network()
    assert model.count_params() == 61_706
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        train,
        splits["train_labels"],
        batch_size=32,
        epochs=int(sys.argv[2]),
        validation_data=(validation, splits["validation_labels"]),
        verbose=0,
    )
print(json.dumps({"train_s": time.perf_counter() - started}))
