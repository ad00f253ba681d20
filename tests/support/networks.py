"""Compute the values of a layer inside a network."""


def compute_logits(model, images):
    """Return the logits (the inputs of the network's softmax) for these images, float32 (n, 10)."""
    import keras  # not before the test has called determinism.prepare()

    return keras.Model(model.inputs[0], model.get_layer("output").output).predict(images, verbose=0)
