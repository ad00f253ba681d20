"""Muon (Jordan et al. 2024) for the matrices between hidden layers; Adam for all other weights.

Muon's updates are scaled as in Liu et al. 2025.
"""

import keras


def optimizer(
    rate: float | keras.optimizers.schedules.LearningRateSchedule, weight_decay: float | None
) -> keras.optimizers.Optimizer:
    return keras.optimizers.Muon(
        rate, weight_decay=weight_decay, adam_weight_decay=weight_decay, exclude_layers=["output"]
    )
