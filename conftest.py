pytest_plugins = ["memori_testing.plugin"]
