"""Trains digits v2, a small convolutional network, and writes it as a SavedModel.

Owns the network and its training; the examples come from stdin and the answers go to stdout as JSON, so that the split
of the data is decided in one place (digits.ts).

  stdin   {"x": [[64 numbers 0..1]], "y": [class], "test": [[...]], "folder": where the SavedModel goes}
  stdout  {"probabilities": [[10]] for each row of test}
"""

import json
import os
import shutil
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf  # noqa: E402

SEED = 31
EPOCHS = 12
BATCH = 32


def network():
    init = lambda seed: tf.keras.initializers.GlorotUniform(seed=seed)  # noqa: E731
    layers = tf.keras.layers
    return tf.keras.Sequential([
        layers.Input((8, 8, 1), name="image"),
        layers.Conv2D(12, 3, padding="same", activation="relu", kernel_initializer=init(1)),
        layers.Conv2D(24, 3, padding="same", activation="relu", kernel_initializer=init(2)),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, padding="same", activation="relu", kernel_initializer=init(3)),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(10, activation="softmax", kernel_initializer=init(4)),
    ])


def shifted(images):
    """The images and their copies moved by one pixel in each direction."""
    moves = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]
    return tf.concat([tf.roll(images, move, axis=(1, 2)) for move in moves], axis=0), len(moves)


def train(x, y):
    images, copies = shifted(tf.reshape(tf.constant(x, tf.float32), (-1, 8, 8, 1)))
    labels = tf.tile(tf.constant(y), (copies,))
    model = network()
    model.compile(tf.keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy")
    model.fit(images, labels, epochs=EPOCHS, batch_size=BATCH, verbose=0)
    return model


def save(model, folder):
    module = tf.Module()
    module.model = network()  # A copy without the optimizer, which would be saved with its own weights.
    module.model.set_weights(model.get_weights())
    spec = tf.TensorSpec((None, 8, 8, 1), tf.float32, name="image")
    module.predict = tf.function(lambda image: {"probabilities": module.model(image)}, input_signature=[spec])
    shutil.rmtree(os.path.join(folder, "variables"), ignore_errors=True)
    tf.saved_model.save(module, folder, signatures={"serving_default": module.predict})
    for extra in ("fingerprint.pb", "assets"):  # The one holds a random id, the other is empty.
        path = os.path.join(folder, extra)
        shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.remove(path)


def main():
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    job = json.load(sys.stdin)
    model = train(job["x"], job["y"])
    save(model, job["folder"])
    test = tf.reshape(tf.constant(job["test"], tf.float32), (-1, 8, 8, 1))
    json.dump({"probabilities": model(test).numpy().tolist()}, sys.stdout)


main()
