"""The paper's constants, the layers and the model. If this code changes, all runs are trained again."""
