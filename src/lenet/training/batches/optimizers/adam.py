"""Adam (Kingma and Ba 2015)."""

import keras


def optimizer(
    rate: float | keras.optimizers.schedules.LearningRateSchedule, weight_decay: float | None
) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(rate, weight_decay=weight_decay)
