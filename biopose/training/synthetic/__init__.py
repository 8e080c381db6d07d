"""Pictures of made-up people with the truth behind them: bodies, motion, clothes, light, cameras; their features."""
