"""Figures of the product, measured side by side in one run. Never a test: timings are noisy, ratios count."""
