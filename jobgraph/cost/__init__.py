"""What a deployment costs: rates, how often graphs run, how many jobs run at once, an estimate with its assumptions."""
