"""The cost of a deployment: rates, frequency of runs, concurrency of jobs, estimates with their assumptions."""
