"""The MLflow mirror of the files, written once per finished run; with serving, the only importer of mlflow.

`store` and `pages` do not import MLflow, which takes seconds. The other modules are imported inside of functions.
"""
