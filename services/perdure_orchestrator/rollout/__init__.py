"""A rollout at Temporal: new code is proven on the open runs, promoted, and given those that it fits."""
