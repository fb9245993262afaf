"""Why a gradient is missing, zero, tiny, huge or NaN."""
