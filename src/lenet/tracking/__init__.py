"""The MLflow mirror of the result files: each finished run appears once in MLflow.

Only the rooms `tracking` and `serving` import MLflow, which takes seconds. `pages` never imports it, and `mlflow_store`
only when it opens the MLflow store. Import the other modules inside functions, unless MLflow is needed anyway.
"""
