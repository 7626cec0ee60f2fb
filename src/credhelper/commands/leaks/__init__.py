# SPDX-License-Identifier: MIT
"""Are the values of credentials in a tree, or anywhere in its Git history?"""
