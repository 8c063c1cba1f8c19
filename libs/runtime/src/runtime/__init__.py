"""What every service process does alike: settings from the environment, HTTP health, graceful stop."""

from runtime.service import background, health_app, health_routes, serve
from runtime.settings import DatabaseSettings, Settings

__all__ = ["DatabaseSettings", "Settings", "background", "health_app", "health_routes", "serve"]
