"""The MLflow mirror of the files, written once per finished run; with serving, the only importer of mlflow.

`store` can be imported without MLflow, which takes seconds. Whoever needs the other modules imports them in a function.
"""
