"""The language stacks App Service offers, as az reads them before it creates an app.

https://learn.microsoft.com/rest/api/appservice/provider/get-web-app-stacks
"""

from typing import Any

import aiohttp.web

from app_service_simulator.arm import answers
from app_service_simulator.arm.routes import Call, Routes

routes = Routes()

PYTHON = ("3.13", "3.12", "3.11", "3.10")
"""Versions on offer. The simulator runs an app with the Python it runs on itself, whichever was chosen."""


@routes.add("GET", "/providers/Microsoft.Web/webAppStacks", "Provider_GetWebAppStacks")
async def get_stacks(call: Call) -> aiohttp.web.Response:
    return answers.json({"value": [_python()], "nextLink": None, "id": None})


def _python() -> dict[str, Any]:
    versions = [
        {
            "displayText": f"Python {version}",
            "value": version,
            "stackSettings": {
                "linuxRuntimeSettings": {
                    "runtimeVersion": f"PYTHON|{version}",
                    "remoteDebuggingSupported": False,
                    "appInsightsSettings": {"isSupported": False},
                    "gitHubActionSettings": {"isSupported": True, "supportedVersion": version},
                    "isDeprecated": False,
                    "isHidden": False,
                }
            },
        }
        for version in PYTHON
    ]
    return {
        "id": None,
        "name": "python",
        "type": "Microsoft.Web/webAppStacks",
        "properties": {
            "displayText": "Python",
            "value": "python",
            "preferredOs": "linux",
            "majorVersions": [{"displayText": "Python 3", "value": "3", "minorVersions": versions}],
        },
    }
