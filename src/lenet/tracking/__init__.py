"""The MLflow mirror of the files; with serving, the only importer of mlflow."""
