"""Find runs in an MLflow store."""


def runs_in(client, **tags):
    """Return the MLflow runs of all experiments, or only those that have these tags."""
    condition = " and ".join(f"tags.{name} = '{value}'" for name, value in tags.items())
    return client.search_runs([experiment.experiment_id for experiment in client.search_experiments()], condition)
