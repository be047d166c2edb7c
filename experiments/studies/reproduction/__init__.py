"""Published experiments on parameter markets as presets, beside baselines without a market."""
