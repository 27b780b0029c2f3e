"""The workflows whose histories are recorded. FROZEN: what was recorded with them must replay with them for ever.

They import the author's public API only (`perdure.flow`, `temporalio`, `pydantic`), so that they survive whatever is
renamed or moved behind it. A new feature gets a new workflow, and new histories; none of these is changed.
"""
