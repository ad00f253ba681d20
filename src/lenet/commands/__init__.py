"""The commands that `make` runs, such as the pipeline, the demo, MLflow's UI and the server of the best network."""
