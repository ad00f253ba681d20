"""Copy the results to MLflow, where each finished run appears once.

Only the packages `tracking` and `serving` import MLflow, and this import takes seconds. So import the modules of
`tracking` inside functions, unless MLflow is needed anyway. Two modules may be imported anywhere: `pages` never imports
MLflow, and `mlflow_store` imports MLflow only when it opens the MLflow store (MLflow's database or server).
"""
