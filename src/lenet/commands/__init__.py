"""What `make` calls: the pipeline, the demo, MLflow's UI and the champion's server."""
