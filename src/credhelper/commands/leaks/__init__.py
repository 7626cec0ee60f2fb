# SPDX-License-Identifier: MIT
"""Do the values of credentials stand in a tree, or anywhere in its Git history?"""
