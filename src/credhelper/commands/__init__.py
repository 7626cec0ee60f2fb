# SPDX-License-Identifier: MIT
"""The commands: ``credhelper`` and ``credhelper-decrypt-run``, and what they alone need."""
