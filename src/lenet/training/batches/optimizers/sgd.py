"""Plain stochastic gradient descent."""

import keras


def optimizer(
    rate: float | keras.optimizers.schedules.LearningRateSchedule, weight_decay: float | None
) -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(rate, weight_decay=weight_decay)
