#!/usr/bin/python3
"""A script that needs an API key: it says so here, and asks for it by name."""
# /// script
# [tool.credhelper]
# credentials = ["my_api_key"]
# ///

import os
import urllib.request

from credhelper import load

key = load("my_api_key")
request = urllib.request.Request(
    "https://api.example.com/v1/report", headers={"Authorization": f"Bearer {key}"}
)

print("asks:", request.full_url)
print("with:", request.get_header("Authorization"))
print("from:", os.environ["CREDENTIALS_DIRECTORY"])
