# SPDX-License-Identifier: MIT
"""Care of the store: one module an area, each a list of findings. Nothing here prints."""
