"""The paper's constants, the layers and the model. An edit here trains anew."""
