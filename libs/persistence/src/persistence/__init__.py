"""Engine, tenant session under row-level security, migrations and roles."""
