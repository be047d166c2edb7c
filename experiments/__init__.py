"""Questions: the Hydra application, sweeps, statistics, figures, the report and the benchmark."""
