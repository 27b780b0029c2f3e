"""The versions of a worker deployment at Temporal: which there are, which is current, and which run is on which.

``python -m perdure.versions REQUEST`` is the process behind ``perdure versions``.
"""
